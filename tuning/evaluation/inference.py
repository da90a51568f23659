"""A Keras model as a predict function, and what it reports of its own about labelled examples."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tuning.data.dataset import Pixels, Split
from tuning.evaluation.evaluation import Predict
from tuning.settings import Feed
from tuning.training.input_pipeline import validation_batches

BATCH = 500


def predict_with(model: keras.Model, feed: Feed, *, loss: Any = None) -> Predict:
    """A function uint8 (examples, height, width, channels) → float32 (examples, classes), examples ≥ 1.

    The largest of a row's numbers belongs to the class that the model chooses; whether they are probabilities or logits
    is left as it is, but for a single output, which separates two classes at 0.5, or at 0 if it is a logit. `loss`:
    the one that it was trained with, which decides that; None: the one that it is compiled with. It runs
    batches through one traced function; `model.predict` would build an input pipeline for each call.
    """

    @tf.function(reduce_retracing=True)
    def answer(images: tf.Tensor) -> tf.Tensor:
        if feed.pixel_scale is not None:
            factor, offset = feed.pixel_scale
            images = tf.cast(images, tf.float32) * factor + offset
        if feed.shape is not None:
            images = tf.reshape(images, (-1, *feed.shape))
        return tf.cast(model(images, training=False), tf.float32)

    def predict(images: Pixels) -> np.ndarray:
        batches = range(0, len(images), BATCH)
        parts = [answer(tf.constant(images[start : start + BATCH])).numpy() for start in batches]
        return _two_columns(np.concatenate(parts), loss if loss is not None else getattr(model, "loss", None))

    return predict


def measure_outputs(model: keras.Model, split: Split, feed: Feed) -> dict[str, float]:
    """The loss and every metric that the model was compiled with, on all of `split`, by their names."""
    results = model.evaluate(validation_batches(split, feed=feed), verbose=0, return_dict=True)
    return {name: float(value) for name, value in results.items()}


def _two_columns(answers: np.ndarray, loss: Any) -> np.ndarray:
    if answers.shape[-1] != 1:
        return answers
    is_logit = getattr(loss, "from_logits", False) or answers.min() < 0 or answers.max() > 1
    threshold = 0.0 if is_logit else 0.5
    return np.concatenate([np.full_like(answers, threshold), answers], axis=1)
