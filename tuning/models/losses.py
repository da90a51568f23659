"""What a compiled model wants of its labels, and whether its answers tell the classes of the data apart."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tuning.errors import InputError
from tuning.failures import describe_failure
from tuning.settings import Labels

_OTHER = {Labels.INTEGER: Labels.ONE_HOT, Labels.ONE_HOT: Labels.INTEGER}


def labels_for(model: keras.Model, answers: Any, labels: np.ndarray, *, num_classes: int, name: str) -> Labels:
    """How labels are handed to the model's loss: found by its name and tried on some `answers` and their labels.

    Labels of data without classes, those of a model with a single output, and those of one that is compiled without a
    loss, as its own `train_step` computes it, are handed over as they are. Raises InputError if the loss takes neither
    form; `name` is how the message calls the model.
    """
    has_own_step = type(model).train_step is not keras.Model.train_step
    if num_classes == 0 or answers.shape[-1] == 1 or (model.loss is None and has_own_step):
        return Labels.INTEGER
    likely = Labels.INTEGER if "sparse" in loss_name(model.loss) else Labels.ONE_HOT
    reasons = []
    for kind in (likely, _OTHER[likely]):
        given = np.eye(num_classes, dtype=np.float32)[labels] if kind is Labels.ONE_HOT else labels
        try:
            if np.isfinite(float(model.compute_loss(y=keras.ops.convert_to_tensor(given), y_pred=answers))):
                return kind
            reasons.append("it is not a finite number")
        # A loss may be a function of the user's own.
        except Exception as error:  # noqa: BLE001
            reasons.append(describe_failure(error))
    raise InputError(
        f"the loss of {name} takes neither integer nor one-hot labels ({reasons[0]}): compile it with "
        "sparse_categorical_crossentropy or categorical_crossentropy"
    )


def require_classifier(answers: Any, *, num_classes: int, name: str) -> None:
    """Raise InputError unless the answers are one number a class, or a single one for two classes."""
    shape = getattr(answers, "shape", None)
    if shape is None:
        raise InputError(f"{name} gives several outputs but images with labels need one: (batch, {num_classes})")
    width = shape[-1] if len(shape) == 2 else None
    if width != num_classes and not (width == 1 and num_classes == 2):
        numbers = ", or if it predicts a number, give `labels` numbers" if width == 1 else ""
        raise InputError(
            f"{name} gives answers of shape {('batch', *shape[1:])} but the data has {num_classes} classes: end it "
            f"with Dense({num_classes}){numbers}"
        )


def loss_name(loss: Any) -> str:
    """What a loss is called, in lower case: given by name, as a function, or as an object."""
    named = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    return str(named).lower()
