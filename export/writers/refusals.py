"""What a format can't hold, told by the name of the layer: from the operator at which a converter stopped."""

from __future__ import annotations

import re
from dataclasses import dataclass

import keras

from export.artifact import Format
from export.errors import InputError

# The converter's message holds the operator and the path of its node: fused["Erfinv:", "model/erfinv_1/Erfinv@…"].
_TFLITE_NODE = re.compile(r'fused\["(?P<operator>\w+):", "(?P<path>[^"@]+)@')

_TITLES = {Format.TFLITE: "TFLite with builtin operators", Format.ONNX: "ONNX"}

_LOOP = "let the layer take a fixed number of steps, known when the model is built"
_CHANCE = "let the layer draw numbers in training only"
_MENDS = {"While": _LOOP, "StatelessWhile": _LOOP, "TensorListReserve": _LOOP, "RandomUniform": _CHANCE}
_MENDS |= dict.fromkeys(("StatelessRandomUniformV2", "StatelessRandomNormalV2", "RandomStandardNormal"), _CHANCE)


@dataclass(frozen=True, kw_only=True)
class Unwritable:
    """A TensorFlow operator that a format lacks, and the path of its node, which holds the layer's name."""

    operator: str
    path: str


def refusal(model: keras.Model, unwritable: Unwritable, kind: Format) -> InputError:
    """One sentence: which layer the format can't hold, why, and what to do."""
    mend = _MENDS.get(unwritable.operator, "put another layer in its place")
    return InputError(
        f"{_culprit(model, unwritable.path)} can't be written as {_TITLES[kind]}, which lacks TensorFlow's operator "
        f"{unwritable.operator} as it is used there: {mend}, or leave out --format {kind}"
    )


def stopped_at(message: str) -> Unwritable | None:
    """The operator that a message of TFLite's converter names; None if it names none."""
    found = _TFLITE_NODE.search(message)
    return None if found is None else Unwritable(operator=found["operator"], path=found["path"])


def _culprit(model: keras.Model, path: str) -> str:
    """The innermost layer that a node's path names, and its class."""
    layers = {layer.name: layer for layer in model._flatten_layers() if layer is not model}
    for part in reversed(path.split("/")[:-1]):
        # TensorFlow numbers the names that it has seen before, behind the layer's own number.
        for name in (re.sub(r"_\d+$", "", part), part):
            if name in layers:
                return f"the layer {name} ({type(layers[name]).__name__})"
    return f"the model (at {path})"
