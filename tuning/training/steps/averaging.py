"""Averages of the weights: what is validated and kept is what such a training delivers.

Keras validates an epoch with the weights that it trains, and lets an optimizer that averages them (`use_ema`) put its
averages in their place when `fit` ends (`finalize_variable_values`). Early in a training the two can be far apart.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

POWER = 7.0
"""The average of trained weights reaches back over about 1 / (POWER + 1) of the training so far."""
STATISTICS_POWER = 31.0
"""The same of what is not trained: the means of batch normalization are averages already, and early ones mislead."""


def averages(model: keras.Model) -> bool:
    """Whether the model's optimizer, or one that it is made of, puts other weights in the model when `fit` ends."""
    usual = keras.optimizers.Optimizer.finalize_variable_values
    for optimizer in _optimizers(model):
        own = getattr(type(optimizer), "finalize_variable_values", usual)
        if getattr(optimizer, "use_ema", False) or own is not usual:
            return True
    return False


class PowerAverage(keras.callbacks.Callback):
    """Averages the weights, those of batch normalization too, over the latest part of a training however long it is.

    With a constant learning rate it does what a rate that falls to 0 does, wherever the training stops or continues.
    Power function averages: Karras et al., CVPR 2024. The model gets the averages when the training ends.
    """

    def __init__(self, *, step: int = 0, values: Sequence[np.ndarray] = ()) -> None:
        """`step`: how many a restored training had done, and the averages by then."""
        super().__init__()
        self._step = step
        self._averages = [tf.Variable(value) for value in values]

    @property
    def values(self) -> list[np.ndarray]:
        """The averages, in the order of the model's weights; none before the first training step."""
        return [average.numpy() for average in self._averages]

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        weights = self.model.weights
        if not self._averages:
            self._averages = [tf.Variable(weight.value) for weight in weights]
        averaged = list(zip(self._averages, weights, strict=True))

        @tf.function
        def update(step: tf.Tensor) -> None:
            for average, weight in averaged:
                power = POWER if weight.trainable else STATISTICS_POWER
                kept = tf.cast((1 - 1 / step) ** (power + 1), weight.value.dtype)
                average.assign(weight.value + kept * (average - weight.value))

        self._update = update

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._step += 1
        self._update(tf.constant(float(self._step)))

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.put_in_place()

    def put_in_place(self) -> None:
        """Give the model the averages."""
        for weight, value in zip(self.model.weights, self.values, strict=True):
            weight.assign(value)


@contextlib.contextmanager
def delivered_weights(model: keras.Model, average: PowerAverage | None = None) -> Iterator[None]:
    """The model as a training that ended now would leave it; afterwards with the weights that it trains, to the bit."""
    by_optimizer = averages(model) and model.optimizer.built
    if average is None and not by_optimizer:
        yield
        return
    trained = [(variable, variable.numpy()) for variable in model.weights]
    if average is not None:
        average.put_in_place()
    else:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    try:
        yield
    finally:
        for variable, value in trained:
            variable.assign(value)


class ValidatesDelivered(keras.callbacks.Callback):
    """Lets every validation within a training see the weights that it would deliver."""

    def __init__(self, average: PowerAverage | None = None) -> None:
        super().__init__()
        self._average = average
        self._delivered = contextlib.ExitStack()

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._delivered.enter_context(delivered_weights(self.model, self._average))

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        self._delivered.close()


def _optimizers(model: keras.Model) -> list[Any]:
    optimizer = getattr(model, "optimizer", None)
    # One that scales the loss has another one inside; a mixture has several.
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    return list(getattr(optimizer, "optimizers", [optimizer]))
