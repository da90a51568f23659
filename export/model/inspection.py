"""What a Keras model's own layers say about the inputs it takes, the pixels it wants and the answers it gives."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from export.artifact import INPUT_NAME, TensorSpec
from export.errors import InputError

_SCALING = (keras.layers.Rescaling, keras.layers.Normalization)
_PASSED_BY = (
    keras.layers.InputLayer,
    keras.layers.Identity,
    keras.layers.Resizing,
    keras.layers.CenterCrop,
    keras.layers.Cropping2D,
    keras.layers.ZeroPadding2D,
    keras.layers.Reshape,
    keras.layers.Flatten,
    keras.layers.Permute,
    keras.layers.Dropout,
    keras.layers.GaussianNoise,
)
"""Layers that leave it to others what values mean. Augmentation, whose classes begin with Random, is another such."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LastActivation:
    """The function that a model's answer comes from: its Keras name, None where the layers do not say.

    `layer` holds it in its attribute `activation`; None where it is an operation of its own.
    """

    name: str | None
    layer: Any = None


def own_inputs(
    path: Path, model: keras.Model, examples: np.ndarray | Mapping[str, np.ndarray] | None
) -> tuple[list[TensorSpec], Any]:
    """The model's inputs as it names them, and the nest in which it wants them.

    A subclassed model does not say what it takes; what it is verified on shows it. Raises InputError if nothing does.
    """
    if not model.built or (examples is None and not getattr(model, "inputs", None)):
        raise InputError(f"{path} was never built and so has no input shape: call the model once before saving it")
    if getattr(model, "inputs", None):
        structure = getattr(model, "_inputs_struct", model.inputs[0])
        owned = []
        for at, tensor in keras.tree.flatten_with_path(structure):
            keys = [str(part) for part in at] if any(isinstance(part, str) for part in at) else [_layer_name(tensor)]
            owned.append(TensorSpec(name="_".join(keys), dtype=str(tensor.dtype), shape=tuple(tensor.shape)))
        return owned, structure
    given = dict(sorted(examples.items())) if isinstance(examples, Mapping) else {INPUT_NAME: np.asarray(examples)}
    owned = [
        TensorSpec(name=name, dtype=seen_dtype(array), shape=(None, *array.shape[1:])) for name, array in given.items()
    ]
    return owned, {own.name: own.name for own in owned} if isinstance(examples, Mapping) else INPUT_NAME


def valid_names(names: Sequence[str], *, taken: Sequence[str]) -> list[str]:
    """The names as every format can hold them: letters, digits and `_`, none twice and none of `taken`."""
    chosen: list[str] = []
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9_]", "_", name)
        plain = plain if plain[:1].isalpha() else f"tensor_{plain}"
        candidates = [plain, *(f"{plain}_{number}" for number in range(2, len(names) + len(taken) + 2))]
        chosen.append(next(candidate for candidate in candidates if candidate not in (*chosen, *taken)))
    return chosen


def seen_dtype(array: np.ndarray) -> str:
    """As what a model that names no inputs gets these examples."""
    is_image = array.dtype == np.uint8 and array.ndim == 4
    return "float32" if is_image or not np.issubdtype(array.dtype, np.integer) else array.dtype.name


def scales_pixels(model: keras.Model) -> bool:
    """Whether the first layer that cares about values is the model's own Rescaling or Normalization."""
    return _first_is_scaling(model) is True


def last_activation(model: keras.Model) -> LastActivation:
    """The activation behind the model's first output; a nested model's where that is the last layer."""
    operation, source = _producer(model)
    while operation is not None:
        if hasattr(operation, "layers"):
            return last_activation(operation)
        if not isinstance(operation, _PASSED_BY):
            return _activation(operation)
        if not source:
            break
        (previous, source) = _step_back(source)
        operation = previous
    return LastActivation(name=None)


def _layer_name(tensor: Any) -> str:
    return str(tensor._keras_history.operation.name)


def _first_is_scaling(model: Any) -> bool | None:
    """None: the model holds nothing but layers that can be passed by."""
    for layer in getattr(model, "operations", model.layers):
        if isinstance(layer, _PASSED_BY) or type(layer).__name__.startswith("Random"):
            continue
        if not hasattr(layer, "layers"):
            return isinstance(layer, _SCALING)
        nested = _first_is_scaling(layer)
        if nested is not None:
            return nested
    return None


def _producer(model: Any) -> tuple[Any, list[Any]]:
    """The operation that made the model's first output, and what it was called on; (None, []) where no graph is."""
    outputs = getattr(model, "outputs", None)
    return _step_back(outputs) if outputs else (None, [])


def _step_back(tensors: list[Any]) -> tuple[Any, list[Any]]:
    operation, node_index, _ = tensors[0]._keras_history
    return operation, list(operation._inbound_nodes[node_index].input_tensors)


def _activation(operation: Any) -> LastActivation:
    if isinstance(operation, keras.layers.Softmax):
        return LastActivation(name="softmax")
    if isinstance(operation, keras.layers.Layer):
        function = getattr(operation, "activation", None)
        return LastActivation(name=getattr(function, "__name__", None), layer=operation)
    return LastActivation(name={"Softmax": "softmax", "Sigmoid": "sigmoid"}.get(type(operation).__name__))
