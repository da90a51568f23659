"""A model whose answers are known, and examples of which a known share is right."""

from __future__ import annotations

import math

import keras
import numpy as np

from tuning.data.dataset import Split
from tuning.settings import Feed, Objective

ACCURACY = Objective(name="val_accuracy", maximize=True)
AUC = Objective(name="val_auc", maximize=True)
FEED = Feed()


def share_right(share: float, count: int = 400) -> Split:
    """Examples of one number, of which so many carry the label that `model` gives them."""
    labels = np.arange(count) % 2
    shown = np.where(np.arange(count) < share * count, labels, 1 - labels)
    order = np.random.default_rng(0).permutation(count)
    return Split(images=shown[order].astype(np.float32)[:, None], labels=labels[order])


def known_model() -> keras.Model:
    """Says 1 where it sees 1, with probability 0.9."""
    made = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, activation="sigmoid")])
    made.compile("sgd", "binary_crossentropy", metrics=["accuracy", keras.metrics.AUC(name="auc")])
    logit = math.log(0.9 / 0.1)
    made.set_weights([np.array([[2 * logit]]), np.array([-logit])])
    return made
