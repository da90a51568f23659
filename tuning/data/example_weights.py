"""What each training example counts in the loss: by an array of weights, or by its class.

Validation and test count every example alike, as they do with Keras's `class_weight`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tuning.data.dataset import Dataset
from tuning.errors import InputError

ARRAY = "sample_weight"
"""How the array is called that holds the weights, whatever its name in a file."""
_IS = "="


def weigh_as_asked(dataset: Dataset, asked: str | None) -> Dataset:
    """The data as it was read, weighed as asked: `CLASS=WEIGHT,…`, or an array, which was read with the rest.

    Raises InputError as `weigh_classes` does, and for the name of an array where none was read.
    """
    if asked is None:
        return dataset
    if is_by_class(asked):
        dataset = weigh_classes(dataset, parse_class_weights(asked))
    elif dataset.training.weights is None:
        raise InputError(f"`sample_weight` {asked} names an array of an npz file: for other data give CLASS=WEIGHT,…")
    return dataclasses.replace(dataset, sample_weight=asked)


def array_asked(asked: str | None) -> str | None:
    """The name of the array that holds the weights, if it is one that is asked for."""
    return None if asked is None or is_by_class(asked) else asked


def is_by_class(asked: str) -> bool:
    """Whether `CLASS=WEIGHT,…` is asked for, and not the name of an array."""
    return _IS in asked


def parse_class_weights(asked: str) -> dict[str, float]:
    """`CLASS=WEIGHT,…` → the weight of each class in it. Raises InputError for anything else."""
    weights: dict[str, float] = {}
    for part in asked.split(","):
        name, _, number = (text.strip() for text in part.rpartition(_IS))
        try:
            weight = float(number)
        except ValueError:
            weight = math.nan
        if not name or not 0 <= weight < math.inf:
            raise InputError(
                f"`sample_weight` must be the name of an array, or CLASS=WEIGHT,… with weights of 0 or more, got {part}"
            )
        if name in weights:
            raise InputError(f"`sample_weight` gives class {name} two weights: keep one of them")
        weights[name] = weight
    return weights


def weigh_classes(dataset: Dataset, weights: Mapping[str, float]) -> Dataset:
    """The same data, in which each training example of a class has that weight, and those of other classes 1.

    All are divided by their mean. Raises InputError for data without classes, for a class that it has not, and for
    weights that are all 0.
    """
    if not dataset.is_classification:
        raise InputError(f"{dataset.name} has no classes that could have weights: give the name of an array")
    unknown = [name for name in weights if name not in dataset.class_names]
    if unknown:
        classes = ", ".join(dataset.class_names[:10])
        raise InputError(f"`sample_weight` names class {unknown[0]}, but {dataset.name} has {classes}")
    by_class = np.array([weights.get(name, 1.0) for name in dataset.class_names])
    return weigh_examples(dataset, by_class[dataset.training.labels])


def weigh_examples(dataset: Dataset, weights: Any) -> Dataset:
    """The same data, in which training example i has `weights[i]`, divided by the mean of all.

    `weights`: numbers of 0 or more, (examples,) or (examples, 1). They multiply what the examples have already. Raises
    InputError for others.
    """
    given, count = np.asarray(weights), len(dataset.training)
    if given.size != count or given.shape[:1] != (count,):
        raise InputError(
            f"`sample_weight` has shape {given.shape} for {count} training examples: give one weight for each"
        )
    if not np.issubdtype(given.dtype, np.number) or np.iscomplexobj(given):
        raise InputError(f"`sample_weight` has dtype {given.dtype} but must hold numbers")
    found = given.reshape(-1).astype(np.float64)
    # Written so that NaN fails.
    if not ((found >= 0) & (found < np.inf)).all():
        raise InputError("`sample_weight` must hold weights of 0 or more, and neither NaN nor infinity")
    if dataset.training.weights is not None:
        found = found * dataset.training.weights
    if not found.any():
        raise InputError("`sample_weight` gives all training examples the weight 0: some must count")
    found = (found / found.max()) / (found / found.max()).mean()
    made = found.astype(np.float32)
    digest = hashlib.sha256(dataset.digest.encode() + made.tobytes()).hexdigest()
    return dataclasses.replace(dataset, training=dataclasses.replace(dataset.training, weights=made), digest=digest)
