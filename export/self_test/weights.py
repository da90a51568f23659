"""Wrong numbers in the layers of a model: what a converter that rounds, loses or mixes up weights leaves behind.

Each takes a model that nothing else needs and changes it; None where it has no layer for the fault, or where the
fault would change no number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np

from export.model.serving import ServingModel

AGE = 0.01
"""By how much stale weights differ, as a share of their own spread: what a last short epoch changes."""


def scale_channel(serving: ServingModel) -> ServingModel | None:
    """The strongest channel of the first convolution × 1.01."""

    def scale(values: np.ndarray) -> np.ndarray:
        factors = np.ones(values.shape[-1], np.float32)
        factors[np.square(values).reshape(-1, values.shape[-1]).sum(axis=0).argmax()] = 1.01
        return values * factors

    return _change(serving, _kernels(serving, keras.layers.Conv2D)[:1], scale)


def round_to_float16(serving: ServingModel) -> ServingModel | None:
    """Every weight rounded to half precision."""
    return _change(serving, serving.model.trainable_weights, lambda values: values.astype(np.float16))


def scale_dense(serving: ServingModel) -> ServingModel | None:
    """The last dense kernel × 1.001."""
    return _change(serving, _kernels(serving, keras.layers.Dense)[-1:], lambda values: values * np.float32(1.001))


def flip_sign(serving: ServingModel) -> ServingModel | None:
    """The largest number of the last dense kernel × −1."""

    def flip(values: np.ndarray) -> np.ndarray:
        changed = values.copy()
        changed.flat[np.abs(values).argmax()] *= -1
        return changed

    return _change(serving, _kernels(serving, keras.layers.Dense)[-1:], flip)


def drop_bias(serving: ServingModel) -> ServingModel | None:
    """The last bias that is not 0 anyway."""
    biases = [weight for weight in serving.model.trainable_weights if weight.name == "bias" and np.any(weight.numpy())]
    return _change(serving, biases[-1:], np.zeros_like)


def transpose_dense(serving: ServingModel) -> ServingModel | None:
    """The last dense kernel (inputs, units) stored in the order of (units, inputs)."""
    return _change(serving, _kernels(serving, keras.layers.Dense)[-1:], lambda values: values.T.reshape(values.shape))


def put_nan(serving: ServingModel) -> ServingModel | None:
    """One weight that is not a number."""

    def spoil(values: np.ndarray) -> np.ndarray:
        changed = values.copy()
        changed.flat[0] = np.nan
        return changed

    return _change(serving, serving.model.trainable_weights[-1:], spoil)


def age(serving: ServingModel) -> ServingModel | None:
    """Every weight as it may have been shortly before the training ended."""
    random = np.random.default_rng(0)
    return _change(
        serving,
        serving.model.trainable_weights,
        lambda values: values + AGE * values.std() * random.normal(0, 1, values.shape),
    )


def shuffle(serving: ServingModel) -> ServingModel | None:
    """Weights of the same sizes that have learnt nothing: each kernel's own numbers in another order."""
    random = np.random.default_rng(0)
    kernels = [weight for weight in serving.model.trainable_weights if len(weight.shape) > 1]
    return _change(serving, kernels, lambda values: random.permutation(values.ravel()).reshape(values.shape))


def forget_statistics(serving: ServingModel) -> ServingModel | None:
    """Batch normalizations with the mean 0 and the variance 1 that they begin with."""
    layers = [layer for layer in serving.model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    means = _change(serving, [layer.moving_mean for layer in layers], np.zeros_like)
    variances = _change(serving, [layer.moving_variance for layer in layers], np.ones_like)
    return means if means is not None else variances


def _kernels(serving: ServingModel, kind: type[Any]) -> list[Any]:
    return [layer.kernel for layer in serving.model._flatten_layers() if type(layer) is kind]


def _change(
    serving: ServingModel, variables: Iterable[Any], change: Callable[[np.ndarray], np.ndarray]
) -> ServingModel | None:
    """The model with the variables changed; None if that left all of them as they were."""
    moved = False
    for variable in variables:
        before = np.array(variable)
        after = np.asarray(change(before), dtype=before.dtype)
        moved = moved or not np.array_equal(before, after)
        variable.assign(after)
    return serving if moved else None
