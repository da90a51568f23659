"""What an example counts in the loss, by its class or by a weight of its own, as `Model.fit` takes it."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np

from tuning.data.array_feeding import scale_pixels
from tuning.data.split import Split
from tuning.training.built import Built


def weigh(split: Split, *, balance_classes: bool) -> tuple[Split, dict[int, float] | None]:
    """The examples, and the weight of each class where classes are to be balanced.

    Keras takes either that or weights of examples: where there are both, the examples have their product.
    """
    if not balance_classes:
        return split, None
    by_class = class_weights(split.labels)
    if split.weights is None:
        return split, by_class
    classes, places = np.unique(split.labels, return_inverse=True)
    balanced = np.array([by_class[int(label)] for label in classes], np.float32)[places]
    return dataclasses.replace(split, weights=split.weights * balanced), None


def class_weights(labels: np.ndarray) -> dict[int, float]:
    """Class → its weight in the loss, so that all classes with images weigh the same and the mean weight is 1."""
    # A worker loads it only where it is asked for.
    from sklearn.utils.class_weight import compute_class_weight

    classes = np.unique(labels)
    weights = compute_class_weight("balanced", classes=classes, y=labels)
    return {int(label): float(weight) for label, weight in zip(classes, weights, strict=True)}


def spread_weights(split: Split, built: Built) -> Any:
    """The weights of the examples for each output, in the structure of what the model answers; None where it has none.

    float32 (examples,), or (examples, 1, …) where an answer has several places: a loss has a value for each of them,
    and Keras multiplies them as they are. Raises whatever the model raises.
    """
    weights = split.weights
    if weights is None:
        return None
    answers = built.model(scale_pixels(split.take(np.arange(1)), built.feed))
    return keras.tree.map_structure(lambda answer: weights.reshape(-1, *[1] * max(answer.ndim - 2, 0)), answers)
