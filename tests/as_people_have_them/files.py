"""Keras files that come from elsewhere, with whatever they need beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from .kinds import UNIT, FileKind

L = keras.layers

LAYERS = '''
"""Layers of a user's own."""
import keras


@keras.saving.register_keras_serializable("mine")
class Scale(keras.layers.Layer):
    def build(self, shape):
        self.factor = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, x):
        return x * self.factor


class Shift(keras.layers.Layer):
    def __init__(self, by=0.5, **options):
        super().__init__(**options)
        self.by = by

    def call(self, x):
        return x + self.by

    def get_config(self):
        return {**super().get_config(), "by": self.by}


def bent(x):
    return keras.ops.where(x > 0, x, 0.3 * x)
'''


def classifier(*layers: Any, size: int = 8) -> keras.Model:
    return keras.Sequential([keras.Input((size, size, 1)), *layers, L.Flatten(), L.Dense(4, activation="softmax")])


def windows(x: Any) -> Any:
    rolled = keras.ops.roll(keras.ops.reshape(x, (-1, 8, 8, 1)), (-2, 3), axis=(1, 2))
    return keras.ops.concatenate([x, rolled], axis=-1)


def functional(body: Callable[[Any], Any]) -> keras.Model:
    image = keras.Input((8, 8, 1))
    return keras.Model(image, L.Dense(4, activation="softmax")(L.Flatten()(body(image))))


FILES = {
    "layers of one's own, registered and not": FileKind(
        make=lambda my: classifier(my.Shift(0.25), my.Scale(), L.Dense(3, activation=my.bent)),
        code=LAYERS,
        options=("--code", "my.py", *UNIT),
    ),
    "layers of one's own in an HDF5 file": FileKind(
        make=lambda my: classifier(my.Scale(), my.Shift()),
        code=LAYERS,
        file="model.h5",
        options=("--code", "my.py", *UNIT),
    ),
    "a Lambda layer and a lambda as an activation": FileKind(
        make=lambda my: classifier(
            L.Lambda(lambda x: x * 2 - 1), L.Dense(3, activation=lambda x: keras.ops.maximum(x, 0.1 * x))
        ),
        options=("--allow-lambda", *UNIT),
    ),
    "an HDF5 file of Keras's own layers": FileKind(
        make=lambda my: classifier(L.Rescaling(1 / 255), L.Conv2D(2, 3, activation="relu"), L.BatchNormalization()),
        file="old.hdf5",
    ),
    "windows that are shifted": FileKind(make=lambda my: functional(windows), options=UNIT),
    "three upsamplings in a row": FileKind(
        make=lambda my: classifier(
            L.MaxPooling2D(4), *(L.UpSampling2D(interpolation=kind) for kind in ("nearest", "bilinear", "nearest"))
        ),
        options=UNIT,
    ),
    "a model in a model in a model": FileKind(
        make=lambda my: classifier(
            keras.Sequential([keras.Input((8, 8, 1)), classifier(L.Rescaling(1 / 255)), L.Reshape((2, 2, 1))])
        )
    ),
    "separable convolutions, in three number types": FileKind(
        make=lambda my: classifier(
            L.Rescaling(1 / 255), L.SeparableConv2D(4, 3), L.LayerNormalization(), L.Activation("hard_silu"), size=16
        ),
        options=("--variant", "float32", "--variant", "float16", "--variant", "dynamic"),
        size=16,
    ),
}
