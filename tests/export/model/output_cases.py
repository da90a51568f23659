"""Models that are no classifiers of single images, examples for them, and the tensors that their files should have."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from export.model.own_code import OwnCode
from export.model.preprocessing import ServingOptions

layers = keras.layers

COUNT = 50
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (COUNT, 8, 8, 1), dtype=np.uint8)
FLOATS = IMAGES.astype(np.float32)
TABLE = RNG.normal(size=(COUNT, 4)).astype(np.float32)
SEQUENCES = RNG.normal(size=(COUNT, 6, 8)).astype(np.float32)
WORDS = RNG.integers(0, 20, (COUNT, 6), dtype=np.int32)
LONG_WORDS = WORDS.astype(np.int64)

OUTPUTS = ServingOptions(is_classifier=False)
AS_IT_IS = ServingOptions(wrap=False)
UNIT = (1 / 255, 0.0)

Specs = dict[str, tuple[str, tuple[int | None, ...]]]


class TwoTowers(keras.Model):
    """A subclassed model with a dictionary in and a dictionary out."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.embed, self.first, self.second = layers.Embedding(20, 3), layers.Dense(2), layers.Dense(2)

    def build(self, shapes: Any) -> None:
        self.embed.build(shapes["words"])
        self.first.build(shapes["table"])
        self.second.build((None, 3))
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        words = keras.ops.mean(self.embed(inputs["words"]), axis=1)
        return {"near/far": self.first(inputs["table"]) - self.second(words), "2nd": self.second(words)}


def two_inputs(*, named: bool = False) -> Any:
    table, words = keras.Input((4,), name="table"), keras.Input((6,), dtype="int32", name="words")
    both = layers.Concatenate()([table, layers.GlobalAveragePooling1D()(layers.Embedding(20, 3)(words))])
    answer = layers.Dense(2, name="score")(both)
    return keras.Model({"table": table, "words": words} if named else [table, words], answer)


def two_outputs() -> Any:
    image = keras.Input((8, 8, 1), dtype="uint8")
    features = layers.Flatten()(layers.Conv2D(3, 3, activation="relu")(layers.Rescaling(1 / 255)(image)))
    heads = [layers.Dense(3, activation="softmax", name="class"), layers.Dense(4, name="box")]
    return keras.Model(image, [head(features) for head in heads])


def dict_output() -> Any:
    image = keras.Input((8, 8, 1))
    features = layers.Flatten()(image)
    bright = keras.ops.cast(keras.ops.max(features, axis=1) > 0.99, "int32")
    return keras.Model(image, {"value": layers.Dense(1)(features), "bright": bright, "features": features})


def regression() -> Any:
    image = keras.Input((8, 8, 1))
    return keras.Model(image, layers.Dense(1, name="age")(layers.Flatten()(layers.Conv2D(3, 3)(image))))


def multi_label() -> Any:
    image = keras.Input((8, 8, 1), dtype="uint8")
    pixels = layers.Flatten()(layers.Rescaling(1 / 255)(image))
    return keras.Model(image, layers.Dense(3, activation="sigmoid", name="tags")(pixels))


def image_and_table() -> Any:
    image, table = keras.Input((8, 8, 1), name="photo"), keras.Input((4,), name="table")
    return keras.Model(
        [image, table], layers.Dense(2, name="y")(layers.Concatenate()([layers.Flatten()(image), table]))
    )


def attention() -> Any:
    sequence = keras.Input((6, 8), name="sequence")
    seen = layers.LayerNormalization()(layers.MultiHeadAttention(2, 4)(sequence, sequence) + sequence)
    return keras.Model(sequence, [layers.Dense(2, name="steps")(seen), layers.GlobalAveragePooling1D(name="all")(seen)])


def segmentation() -> Any:
    image = keras.Input((8, 8, 1), dtype="uint8")
    return keras.Model(image, layers.Conv2D(3, 3, padding="same", name="mask")(layers.Rescaling(1 / 255)(image)))


def towers() -> Any:
    model = TwoTowers()
    model({"table": TABLE, "words": WORDS})
    return model


def without_channels() -> Any:
    image = keras.Input((8, 8), dtype="uint8", name="grey")
    return keras.Model(image, layers.Dense(2, name="y")(layers.Flatten()(layers.Rescaling(1 / 255)(image))))


def softmax_of_floats() -> Any:
    image = keras.Input((8, 8, 1), name="pixels")
    return keras.Model(image, layers.Dense(3, activation="softmax", name="chances")(layers.Flatten()(image)))


# name: (model, options, verification inputs, what Keras is asked by hand, inputs, outputs)
CASES: dict[str, tuple[Callable[[], Any], ServingOptions, Any, Any, Specs, Specs]] = {
    "two inputs": (
        two_inputs,
        OUTPUTS,
        {"table": TABLE, "words": WORDS},
        [TABLE, WORDS],
        {"table": ("float32", (None, 4)), "words": ("int32", (None, 6))},
        {"score": ("float32", (None, 2))},
    ),
    "two named inputs": (
        lambda: two_inputs(named=True),
        OUTPUTS,
        {"words": LONG_WORDS, "table": TABLE.astype(np.float64)},
        {"table": TABLE, "words": WORDS},
        {"table": ("float32", (None, 4)), "words": ("int32", (None, 6))},
        {"score": ("float32", (None, 2))},
    ),
    "two outputs": (
        two_outputs,
        OUTPUTS,
        IMAGES,
        IMAGES,
        {"image": ("uint8", (None, 8, 8, 1))},
        {"box": ("float32", (None, 4)), "class": ("float32", (None, 3))},
    ),
    "dictionary output": (
        dict_output,
        dataclasses.replace(OUTPUTS, pixel_scale=UNIT),
        IMAGES,
        FLOATS / 255,
        {"image": ("uint8", (None, 8, 8, 1))},
        {"bright": ("int32", (None,)), "features": ("float32", (None, 64)), "value": ("float32", (None, 1))},
    ),
    "regression from an image": (
        regression,
        dataclasses.replace(OUTPUTS, pixel_scale=UNIT),
        IMAGES,
        FLOATS / 255,
        {"image": ("uint8", (None, 8, 8, 1))},
        {"age": ("float32", (None, 1))},
    ),
    "several labels at once": (
        multi_label,
        OUTPUTS,
        IMAGES,
        IMAGES,
        {"image": ("uint8", (None, 8, 8, 1))},
        {"tags": ("float32", (None, 3))},
    ),
    "image and table": (
        image_and_table,
        dataclasses.replace(OUTPUTS, pixel_scale=(2.0, -1.0)),
        {"photo": IMAGES, "table": TABLE},
        [FLOATS * 2 - 1, TABLE],
        {"photo": ("uint8", (None, 8, 8, 1)), "table": ("float32", (None, 4))},
        {"y": ("float32", (None, 2))},
    ),
    "segmentation": (
        segmentation,
        OUTPUTS,
        IMAGES,
        IMAGES,
        {"image": ("uint8", (None, 8, 8, 1))},
        {"mask": ("float32", (None, 8, 8, 3))},
    ),
    "attention": (
        attention,
        OUTPUTS,
        SEQUENCES,
        SEQUENCES,
        {"sequence": ("float32", (None, 6, 8))},
        {"all": ("float32", (None, 8)), "steps": ("float32", (None, 6, 2))},
    ),
    "subclassed with dictionaries": (
        towers,
        dataclasses.replace(OUTPUTS, code=OwnCode(objects={"TwoTowers": TwoTowers})),
        {"table": TABLE, "words": WORDS},
        {"table": TABLE, "words": WORDS},
        {"table": ("float32", (None, 4)), "words": ("int32", (None, 6))},
        {"near_far": ("float32", (None, 2)), "tensor_2nd": ("float32", (None, 2))},
    ),
    "images without channels as they are": (
        without_channels,
        AS_IT_IS,
        IMAGES,
        IMAGES[..., 0],
        {"grey": ("uint8", (None, 8, 8))},
        {"y": ("float32", (None, 2))},
    ),
    "a classifier as it is": (
        softmax_of_floats,
        dataclasses.replace(AS_IT_IS, pixel_scale=UNIT),
        IMAGES,
        FLOATS / 255,
        {"pixels": ("float32", (None, 8, 8, 1))},
        {"chances": ("float32", (None, 3))},
    ),
}
