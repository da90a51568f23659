"""What follows a model when it is served: its answers under names, a classifier's as probabilities.

Logits get a softmax. A single unit that says how likely the second of two classes is becomes both probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from export.artifact import OUTPUT_NAME, Description, TensorSpec
from export.errors import InputError
from export.model.inspection import LastActivation, last_activation, valid_names
from export.model.keras_file import KerasFile

OUTPUT_DTYPES = ("float32", "int32", "int64", "uint8", "bool")
ROW_SUM_SLACK = 1e-3
SAME_PROBABILITY = 1e-5


class AnswerKind(StrEnum):
    """What a classifier answers with, and what the served model makes of it."""

    PROBABILITIES = "none"
    LOGITS = "softmax of the model's logits"
    LOGIT = "1 − p and p, where p is the sigmoid of the model's logit"
    PROBABILITY = "1 − p and p, where p is the model's answer"


@dataclass(frozen=True, kw_only=True)
class Postprocessing:
    """The outputs of a served model, in the order in which the model gives them.

    `answer_kind` is None for a model that is verified by its outputs alone.
    """

    outputs: tuple[TensorSpec, ...]
    answer_kind: AnswerKind | None

    @property
    def in_words(self) -> str:
        """What the served model makes of the answer."""
        return Description.postprocessing if self.answer_kind is None else self.answer_kind.value

    def name_outputs(self, answer: Any) -> dict[str, Any]:
        """The model's answer, any nest of tensors → tensors by name; half and double precision become float32."""
        tensors = [_in_float32(tensor) for tensor in keras.tree.flatten(answer)]
        if self.answer_kind is AnswerKind.LOGITS:
            tensors = [tf.nn.softmax(tensors[0])]
        # The softmax of (0, z) is (1 − sigmoid(z), sigmoid(z)) without the cancellation of a subtraction.
        if self.answer_kind is AnswerKind.LOGIT:
            tensors = [tf.nn.softmax(tf.concat([tf.zeros_like(tensors[0]), tensors[0]], axis=1))]
        if self.answer_kind is AnswerKind.PROBABILITY:
            tensors = [tf.concat([1 - tensors[0], tensors[0]], axis=1)]
        # One tensor may be several outputs, or an input too: formats want one of its own for each name.
        named = [tf.identity(tensor) for tensor in tensors] if self.answer_kind is None else tensors
        return dict(zip((spec.name for spec in self.outputs), named, strict=True))


def make_outputs(file: KerasFile, answer: Any, *, taken: Sequence[str]) -> Postprocessing:
    """The outputs of a model that is verified by them alone, named after its dictionary keys or last layers.

    `answer`: a nest of what the model answers; `taken`: names that its inputs have. Raises InputError for an output
    that no file can hold.
    """
    found = keras.tree.flatten_with_path(answer)
    own = getattr(file.model, "output_names", None)
    names = []
    for number, (at, _) in enumerate(found):
        keys = [str(part) for part in at]
        if not any(isinstance(part, str) for part in at):
            keys = [own[number]] if own is not None and len(own) == len(found) else ["output", *keys]
        names.append("_".join(keys))
    return Postprocessing(
        outputs=tuple(
            _output_spec(file, name, tensor)
            for name, (_, tensor) in zip(valid_names(names, taken=taken), found, strict=True)
        ),
        answer_kind=None,
    )


def make_probabilities(file: KerasFile, answer: Any, ask: Callable[[], np.ndarray] | None) -> Postprocessing:
    """The output of a classifier.

    `answer`: a nest of the tensor it answers with; `ask`: what it answers to the verification images, None if there
    are none. Raises InputError if that is not one row a class, or if they may be either probabilities or logits.
    """
    tensors = keras.tree.flatten(answer)
    if len(tensors) != 1:
        raise InputError(
            f"{file.path} has {len(tensors)} outputs but a classifier must have one: export it with --outputs-only, "
            "which verifies a model by its outputs alone"
        )
    tensor = tensors[0]
    if tensor.shape.rank != 2 or tensor.shape[1] is None or not tensor.dtype.is_floating:
        raise InputError(
            f"{file.path} gives {tensor.dtype.name} {tuple(tensor.shape)} but a classifier must give float32 (batch, "
            "classes): export it with --outputs-only, which verifies a model by its outputs alone"
        )
    last = last_activation(file.model)
    seen = ask() if ask is not None else None
    answer_kind = _kind_of_one(file, last, seen) if tensor.shape[1] == 1 else _kind_of_many(file, last, seen)
    if answer_kind is AnswerKind.PROBABILITY and last.layer is not None and ask is not None and _take_off(last, ask):
        answer_kind = AnswerKind.LOGIT
    classes = max(int(tensor.shape[1]), 2)
    return Postprocessing(
        outputs=(TensorSpec(name=OUTPUT_NAME, dtype="float32", shape=(None, classes)),), answer_kind=answer_kind
    )


def _output_spec(file: KerasFile, name: str, tensor: Any) -> TensorSpec:
    shape = (0,) if tensor.shape.rank is None else tuple(tensor.shape)
    if not shape or shape[0] is not None or None in shape[1:]:
        raise InputError(
            f"{file.path} gives {name} of shape {'unknown' if tensor.shape.rank is None else shape} but must give "
            "(batch, …) with every other size fixed: leave that output out of the exported model"
        )
    dtype = "float32" if tensor.dtype.is_floating else tensor.dtype.name
    if dtype not in OUTPUT_DTYPES:
        raise InputError(
            f"{file.path} gives {name} as {dtype} but exported outputs are {', '.join(OUTPUT_DTYPES)}: leave that "
            "output out of the exported model"
        )
    return TensorSpec(name=name, dtype=dtype, shape=shape)


def _kind_of_many(file: KerasFile, last: LastActivation, seen: np.ndarray | None) -> AnswerKind:
    if last.name == "sigmoid":
        raise InputError(
            f"the last layer of {file.path} gives each class a sigmoid of its own, so that several can apply at once, "
            "but a classifier chooses one: end it with a softmax or export it with --outputs-only"
        )
    # NaN is left to the comparison, which counts such answers.
    if last.name == "softmax" or seen is None or not np.isfinite(seen).all():
        return AnswerKind.LOGITS if last.name == "linear" else AnswerKind.PROBABILITIES
    if (seen >= 0).all() and (np.abs(seen.sum(axis=1, dtype=np.float64) - 1) <= ROW_SUM_SLACK).all():
        return AnswerKind.PROBABILITIES
    if last.name == "linear" or file.from_logits:
        return AnswerKind.LOGITS
    raise InputError(_untold(file, last, seen, "do not sum to 1"))


def _kind_of_one(file: KerasFile, last: LastActivation, seen: np.ndarray | None) -> AnswerKind:
    if last.name == "linear" or (last.name != "sigmoid" and file.from_logits):
        return AnswerKind.LOGIT
    if last.name == "sigmoid" and (seen is None or not np.isfinite(seen).all() or ((seen >= 0) & (seen <= 1)).all()):
        return AnswerKind.PROBABILITY
    raise InputError(_untold(file, last, seen, "come from no sigmoid"))


def _untold(file: KerasFile, last: LastActivation, seen: np.ndarray | None, fault: str) -> str:
    found = f"from {seen.min():.3g} to {seen.max():.3g}" if seen is not None else "of one unit"
    through = f" through {last.name}" if last.name is not None else ""
    return (
        f"{file.path} gives answers{through} {found} that {fault}, and nothing says whether they are logits: end it "
        "with a softmax, compile it with a loss that has from_logits=True, or export it with --outputs-only"
    )


def _take_off(last: LastActivation, ask: Callable[[], np.ndarray]) -> bool:
    """Take the sigmoid off the layer that holds it, so that the logit behind it can be read; False if that is not it.

    1 − p, and so its logarithm, has lost its digits where p is near 1; the logit still has them.
    """
    expected, sigmoid = ask(), last.layer.activation
    last.layer.activation = keras.activations.linear
    found = 1 / (1 + np.exp(-ask().astype(np.float64)))
    if np.abs(found - expected).max() <= SAME_PROBABILITY:
        return True
    last.layer.activation = sigmoid
    return False


def _in_float32(tensor: Any) -> Any:
    return tf.cast(tensor, tf.float32) if tensor.dtype.is_floating else tf.convert_to_tensor(tensor)
