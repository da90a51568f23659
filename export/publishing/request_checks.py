"""Whether a model, its data and what is known about it fit together, before a file of it is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.artifact import Description
from export.comparison.output_parity import has_power
from export.comparison.reference import Reference
from export.errors import InputError, VerificationError
from export.model.serving import ServingModel

ROW_SUM_SLACK = 1e-3
ACCURACY_SLACK = 0.01
"""Half precision, or a GPU, changes the label of an image in a thousand at most."""


def check_accuracy(description: Description, measured: float | None, model: Path) -> None:
    """Raise VerificationError if the accuracy is another than when the model was evaluated, None if that is not known.

    A model that is served in another way than it was trained agrees with its files, and is wrong all the same.
    """
    found = description.accuracy
    if measured is not None and found is not None and abs(measured - found) > ACCURACY_SLACK:
        raise VerificationError(
            f"{model} gets {found:.2%} of the images right but {measured:.2%} when it was evaluated: it is not "
            "the same model, or it is given other pixels than it was trained on"
        )


def check_answers(reference: Reference, model: Path) -> None:
    """Raise InputError for outputs that are not finite or hardly move, and for a classifier's that are no
    probabilities."""
    for name, values in reference.outputs.items():
        bad = int((~np.isfinite(values)).reshape(len(values), -1).any(axis=1).sum())
        if bad:
            raise InputError(
                f"{model} answers {bad} of {len(values)} inputs with NaN or infinity ({name}): train it again, or give "
                "inputs that it was made for"
            )
    if reference.labels is None:
        if not has_power(reference.outputs):
            raise InputError(
                f"{model} answers all inputs with nearly the same numbers ({', '.join(reference.outputs)}), so "
                "that a comparison proves nothing: give data on which its outputs differ"
            )
        return
    rows = reference.probabilities.astype(np.float64)
    if (rows < 0).any() or (np.abs(rows.sum(axis=1) - 1) > ROW_SUM_SLACK).any():
        raise InputError(
            f"{model} gives answers that are no probabilities: they must be 0 or more and sum to 1; end the "
            "model with a softmax"
        )


def check_labels(labels: NDArray[np.int64] | None, count: int) -> NDArray[np.int64]:
    """The labels themselves. Raises InputError unless they are whole numbers from 0, (count,)."""
    if labels is None:
        raise InputError("a classifier is verified with labels: give them or export the model with --outputs-only")
    if labels.shape != (count,) or not np.issubdtype(labels.dtype, np.integer) or (labels < 0).any():
        raise InputError(
            f"the labels must be whole numbers from 0 of shape ({count},), got {labels.dtype} {labels.shape}"
        )
    return labels


def check_classes(serving: ServingModel, class_names: Sequence[str], labels: NDArray[np.int64], model: Path) -> None:
    """Raise InputError unless the model has as many classes as the data."""
    classes = serving.outputs[0].shape[1]
    if classes is None or int(labels.max()) >= classes or classes != len(class_names):
        raise InputError(
            f"{model} has {classes} classes but the data has "
            f"{len(class_names)}: give the data that the model was made for"
        )
