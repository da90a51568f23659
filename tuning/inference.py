"""A Keras model as a predict function."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from tuning.dataset import Pixels
from tuning.evaluation import Predict

BATCH = 500


def predict_with(model: keras.Model) -> Predict:
    """A function uint8 (examples, height, width, channels) → float32 probabilities (examples, classes), examples ≥ 1.

    It runs batches through one traced function; `model.predict` would build an input pipeline for each call.
    """

    @tf.function(reduce_retracing=True)
    def answer(images: tf.Tensor) -> tf.Tensor:
        return model(images, training=False)

    def predict(images: Pixels) -> np.ndarray:
        batches = range(0, len(images), BATCH)
        return np.concatenate([answer(tf.constant(images[start : start + BATCH])).numpy() for start in batches])

    return predict
