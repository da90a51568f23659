"""Optimizers that average the weights (`use_ema`): what is validated and kept is what such a training delivers.

Keras validates an epoch with the weights that it trains, and lets the optimizer put its averages in their place when
`fit` ends (`finalize_variable_values`). Early in a training the two can be far apart.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras


def averages(model: keras.Model) -> bool:
    """Whether the model's optimizer, or one that it is made of, puts other weights in the model when `fit` ends."""
    usual = keras.optimizers.Optimizer.finalize_variable_values
    for optimizer in _optimizers(model):
        own = getattr(type(optimizer), "finalize_variable_values", usual)
        if getattr(optimizer, "use_ema", False) or own is not usual:
            return True
    return False


@contextlib.contextmanager
def delivered_weights(model: keras.Model) -> Iterator[None]:
    """The model as a training that ended now would leave it; afterwards with the weights that it trains, to the bit."""
    if not averages(model) or not model.optimizer.built:
        yield
        return
    trained = [(variable, variable.numpy()) for variable in model.trainable_variables]
    model.optimizer.finalize_variable_values(model.trainable_variables)
    try:
        yield
    finally:
        for variable, value in trained:
            variable.assign(value)


class ValidatesDelivered(keras.callbacks.Callback):
    """Lets every validation within a training see the weights that it would deliver."""

    def __init__(self) -> None:
        super().__init__()
        self._delivered = contextlib.ExitStack()

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._delivered.enter_context(delivered_weights(self.model))

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        self._delivered.close()


def _optimizers(model: keras.Model) -> list[Any]:
    optimizer = getattr(model, "optimizer", None)
    # One that scales the loss has another one inside; a mixture has several.
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    return list(getattr(optimizer, "optimizers", [optimizer]))
