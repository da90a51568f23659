"""Classifiers of every kind, how they are to be served, and what they answer to what they were trained on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from export.model.own_code import OwnCode
from export.model.preprocessing import ServingOptions

layers = keras.layers

UNIT, SIGNED, RAW = (1 / 255, 0.0), (1 / 127.5, -1.0), (1.0, 0.0)
CLOSE = 1e-5

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (60, 8, 8, 1), dtype=np.uint8)
FLOATS = IMAGES.astype(np.float32)

Build = Callable[[], Any]


@keras.saving.register_keras_serializable(package="tests")
class Registered(keras.Model):
    """A subclassed classifier that ends in logits."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.flatten = layers.Flatten()
        self.dense = layers.Dense(3)

    def call(self, image: Any, training: bool = False) -> Any:
        return self.dense(self.flatten(image))


class Unregistered(Registered):
    """The same, known to nobody else."""


class Rescaling(keras.Model):
    """A subclassed classifier that scales its pixels itself and ends in a softmax."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.scale = layers.Rescaling(1 / 255)
        self.flatten = layers.Flatten()
        self.dense = layers.Dense(3, activation="softmax")

    def call(self, image: Any) -> Any:
        return self.dense(self.flatten(self.scale(image)))


def functional(*between: Any, shape: tuple[int, ...] = (8, 8, 1), dtype: str = "float32") -> Any:
    image = keras.Input(shape, dtype=dtype)
    x = image
    for layer in between:
        x = layer(x)
    return keras.Model(image, x)


def softmax_of(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def both_of(chance: np.ndarray) -> np.ndarray:
    return np.concatenate([1 - chance, chance], axis=1)


def sigmoid_of(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logit.astype(np.float64)))


def convolutions(*ending: Any) -> list[Any]:
    return [layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), *ending]


def adapted() -> Any:
    normalization = layers.Normalization()
    normalization.adapt(FLOATS)
    return normalization


def nested(*ending: Any) -> Any:
    return functional(layers.RandomFlip(), functional(layers.Rescaling(1 / 255), *convolutions()), *ending)


def trained(model: Any, loss: Any) -> Any:
    model.compile("adam", loss)
    model.fit(FLOATS / 255, np.arange(60) % 3, batch_size=32, verbose=0)
    return model


def in_policy(policy: str, build: Build) -> Any:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        return build()
    finally:
        keras.config.set_dtype_policy(before)


FROM_LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

# name: (build, options, what the model sees, what becomes of its answer, classes)
CASES: dict[str, tuple[Build, ServingOptions, np.ndarray, Callable[[np.ndarray], np.ndarray], int]] = {
    "unit": (
        lambda: functional(*convolutions(layers.Dense(3, activation="softmax"))),
        ServingOptions(pixel_scale=UNIT),
        FLOATS / 255,
        np.asarray,
        3,
    ),
    "signed": (
        lambda: functional(*convolutions(layers.Dense(3, activation="softmax"))),
        ServingOptions(pixel_scale=SIGNED),
        FLOATS / 127.5 - 1,
        np.asarray,
        3,
    ),
    "raw": (
        lambda: functional(layers.BatchNormalization(), *convolutions(layers.Dense(3, activation="softmax"))),
        ServingOptions(pixel_scale=(0.01, 3.0)),
        FLOATS * 0.01 + 3,
        np.asarray,
        3,
    ),
    "own rescaling": (
        lambda: functional(layers.Rescaling(1 / 255), *convolutions(layers.Dense(3, activation="softmax"))),
        ServingOptions(),
        FLOATS,
        np.asarray,
        3,
    ),
    "adapted normalization": (
        lambda: functional(adapted(), *convolutions(layers.Dense(3, activation="softmax"))),
        ServingOptions(),
        FLOATS,
        np.asarray,
        3,
    ),
    "rescaling in a nested model": (
        lambda: nested(layers.Dense(3), layers.Softmax()),
        ServingOptions(),
        FLOATS,
        np.asarray,
        3,
    ),
    "logits": (
        lambda: functional(*convolutions(layers.Dense(3))),
        ServingOptions(pixel_scale=UNIT),
        FLOATS / 255,
        softmax_of,
        3,
    ),
    "logits of a uint8 model": (
        lambda: functional(layers.Rescaling(1 / 255), *convolutions(layers.Dense(3)), dtype="uint8"),
        ServingOptions(),
        FLOATS,
        softmax_of,
        3,
    ),
    "sigmoid": (
        lambda: functional(*convolutions(layers.Dense(1, activation="sigmoid"))),
        ServingOptions(pixel_scale=UNIT),
        FLOATS / 255,
        both_of,
        2,
    ),
    "sigmoid of its own layer": (
        lambda: functional(*convolutions(layers.Dense(1), layers.Activation("sigmoid"))),
        ServingOptions(pixel_scale=UNIT),
        FLOATS / 255,
        both_of,
        2,
    ),
    "one logit": (
        lambda: functional(*convolutions(layers.Dense(1))),
        ServingOptions(pixel_scale=UNIT),
        FLOATS / 255,
        lambda logit: both_of(sigmoid_of(logit)),
        2,
    ),
    "without input": (
        lambda: trained(keras.Sequential([*convolutions(layers.Dense(3))]), FROM_LOGITS),
        ServingOptions(pixel_scale=UNIT),
        FLOATS / 255,
        softmax_of,
        3,
    ),
    "subclassed": (
        lambda: trained(Registered(), FROM_LOGITS),
        ServingOptions(pixel_scale=UNIT),
        FLOATS / 255,
        softmax_of,
        3,
    ),
    "subclassed with custom objects": (
        lambda: trained(Unregistered(), FROM_LOGITS),
        ServingOptions(pixel_scale=UNIT, code=OwnCode(objects={"Unregistered": Unregistered})),
        FLOATS / 255,
        softmax_of,
        3,
    ),
    "subclassed that rescales": (
        lambda: trained(Rescaling(), "sparse_categorical_crossentropy"),
        ServingOptions(code=OwnCode(objects={"Rescaling": Rescaling})),
        FLOATS,
        np.asarray,
        3,
    ),
    "no channels": (
        lambda: functional(layers.Flatten(), layers.Dense(3, activation="softmax"), shape=(8, 8)),
        ServingOptions(pixel_scale=UNIT),
        FLOATS[..., 0] / 255,
        np.asarray,
        3,
    ),
    "one row of pixels": (
        lambda: functional(layers.Dense(3, activation="softmax"), shape=(64,)),
        ServingOptions(pixel_scale=UNIT),
        FLOATS.reshape(-1, 64) / 255,
        np.asarray,
        3,
    ),
    "any size": (
        lambda: functional(
            layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(3), shape=(None, None, 1)
        ),
        ServingOptions(pixel_scale=UNIT),
        FLOATS / 255,
        softmax_of,
        3,
    ),
    "whole numbers": (
        lambda: functional(layers.Rescaling(1 / 255), *convolutions(layers.Dense(3)), dtype="int32"),
        ServingOptions(),
        FLOATS,
        softmax_of,
        3,
    ),
    "mixed_float16": (
        lambda: in_policy("mixed_float16", lambda: functional(*convolutions(layers.Dense(3, activation="softmax")))),
        ServingOptions(pixel_scale=UNIT),
        FLOATS / 255,
        np.asarray,
        3,
    ),
    "mixed_bfloat16 without input": (
        lambda: in_policy(
            "mixed_bfloat16", lambda: trained(keras.Sequential([*convolutions(layers.Dense(3))]), FROM_LOGITS)
        ),
        ServingOptions(pixel_scale=UNIT),
        FLOATS / 255,
        softmax_of,
        3,
    ),
}
HALF_PRECISION = {"mixed_float16": 2e-3, "mixed_bfloat16 without input": 2e-2}
"""How far Keras's own answers in half precision are from those of the same weights in float32."""
