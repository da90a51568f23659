"""What a format can't hold, named by the layer that needs it: from the operator at which a converter stopped."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from export.errors import InputError

if TYPE_CHECKING:
    from export.graph.makers import Maker
    from export.model.serving import ServingModel

# The converter's message holds the operator and the path of its node: fused["Erfinv:", "model/erfinv_1/Erfinv@…"].
_TFLITE_NODE = re.compile(r'fused\["(?P<operator>\w+):", "(?P<path>[^"@]+)@')

_LOOP = "let the layer take a fixed number of steps, known when the model is built"
_CHANCE = "let the layer draw numbers in training only"
_REMEDIES = {"While": _LOOP, "StatelessWhile": _LOOP, "TensorListReserve": _LOOP, "RandomUniform": _CHANCE}
_REMEDIES |= dict.fromkeys(("StatelessRandomUniformV2", "StatelessRandomNormalV2", "RandomStandardNormal"), _CHANCE)


@dataclass(frozen=True, kw_only=True)
class Unwritable:
    """A TensorFlow operator that a format lacks, and the path of its node."""

    operator: str
    path: str


def refusal(serving: ServingModel, unwritable: Unwritable, title: str) -> InputError:
    """One sentence: which layer the format, called `title`, can't hold, why, and what to do."""
    from export.graph.makers import find_maker

    maker = find_maker(serving, unwritable.path)
    if maker.hides_size:
        return _hidden(maker, title)
    remedy = _REMEDIES.get(unwritable.operator, "put another layer in its place")
    return InputError(
        f"{maker.title} can't be written as {title}, which lacks TensorFlow's operator {unwritable.operator} "
        f"as it is used there: {remedy}"
    )


def refuse_hidden_size(serving: ServingModel, title: str) -> InputError | None:
    """Likewise where a file does not run: the layer whose answers have a size that no one knows before; None if there
    is none."""
    from export.graph.makers import find_hidden_size

    maker = find_hidden_size(serving)
    return None if maker is None else _hidden(maker, title)


def _hidden(maker: Maker, title: str) -> InputError:
    return InputError(
        f"{maker.title} can't be written as {title}: how large its answer is depends on the values that it "
        "gets; let it answer with a size that is known when the model is built"
    )


def refuse_conversion(serving: ServingModel, path: str | None, what: str, reason: str) -> InputError:
    """Likewise where a converter gave up; `path`: of the node that it was at, None if it does not say which."""
    from export.graph.makers import find_maker

    title = "the model" if path is None else find_maker(serving, path).title
    return InputError(f"{title} can't be written as {what}: {reason}")


def name_cause(serving: ServingModel, path: str | None) -> str:
    """`, because of` and the layer that made a node; empty if none is known."""
    from export.graph.makers import find_maker

    title = "" if path is None else find_maker(serving, path).title
    return f", because of {title}" if title.startswith(("the layer ", "the operation ")) else ""


def find_refused(message: str) -> Unwritable | None:
    """The operator that a message of TFLite's converter names; None if it names none."""
    found = _TFLITE_NODE.search(message)
    return None if found is None else Unwritable(operator=found["operator"], path=found["path"])
