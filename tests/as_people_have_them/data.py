"""Data of other forms than images with a class each, and the models that take it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from . import layouts
from .codes import LONGER, code
from .kinds import UNIT, scaled

IMAGES = """
def build(hp):
    layers = [L.Rescaling(1 / 255), L.Flatten(), L.Dense(hp.Int("width", 4, 6)), L.Dense(4), L.Softmax()]
    model = keras.Sequential([keras.Input({shape}), *layers])
    model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
"""
GREY = IMAGES.format(shape=(8, 8, 1))


def classes_are(*names: str) -> Any:
    def check(run: Path) -> None:
        assert json.loads((run / "run.json").read_text(encoding="utf-8"))["dataset"]["class_names"] == list(names)

    return check


QUARTERS = classes_are(*(f"quarter {number}" for number in range(4)))

KINDS = {
    "pictures between what systems leave": code(GREY, data=layouts.littered_folder, check=QUARTERS),
    "pictures in folders of their classes alone": code(GREY, data=layouts.classes_alone, check=QUARTERS),
    "labels in a column": code(IMAGES.format(shape=(8, 8, 3)), data=layouts.labels_in_a_column),
    "labels that were stored as floats, under other names": code(GREY, data=layouts.labels_as_floats),
    "names for labels, and no test part": code(
        GREY, data=layouts.names_without_a_test, check=classes_are("ash", "birch", "cedar", "oak")
    ),
    "rows of pixels": code(
        """
def build(hp):
    model = keras.Sequential([keras.Input((64,)), L.Dense(hp.Int("width", 8, 12), "relu"), L.Dense(4, "softmax")])
    model.compile(keras.optimizers.Adam(0.02), "categorical_crossentropy", metrics=["accuracy"])
    return model
""",
        options=UNIT,
        inputs=lambda raw: scaled(raw).reshape(len(raw), -1),
    ),
    "a table of numbers with names of classes": code(
        """
def build(hp):
    model = keras.Sequential([keras.Input((6,)), L.Dense(hp.Int("width", 4, 6), "relu"), L.Dense(2, "softmax")])
    model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
""",
        data=layouts.table,
        options=LONGER,
        check=classes_are("no", "yes"),
    ),
    "a table of numbers, with numbers to predict": code(
        """
def build(hp):
    model = keras.Sequential([keras.Input((6,)), L.Normalization(mean=0.1, variance=4.0), L.Dense(2)])
    model.compile(keras.optimizers.Adam(hp.Float("rate", 1e-3, 1e-2)), "huber", metrics=["mae"])
    return model
""",
        data=layouts.table_of_numbers,
        options=("--objective", "val_mae"),
    ),
    "words by number": code(
        """
def build(hp):
    layers = [keras.Input((5,), dtype="int32"), L.Embedding(20, hp.Int("width", 2, 4)), L.GlobalAveragePooling1D()]
    model = keras.Sequential([*layers, L.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss, metrics=["accuracy"])
    return model
""",
        data=layouts.words,
    ),
    "images to images": code(
        """
def build(hp):
    image = keras.Input((8, 8, 1))
    x = L.Conv2D(hp.Int("filters", 2, 4), 3, strides=2, padding="same")(L.Rescaling(1 / 255)(image))
    model = keras.Model(image, L.Conv2DTranspose(1, 3, strides=2, padding="same", name="again")(x))
    model.compile(keras.optimizers.Adam(0.02), "mse")
    return model
""",
        data=layouts.images_to_images,
    ),
    "a class of every pixel": code(
        """
def build(hp):
    image = keras.Input((8, 8, 3))
    x = L.Conv2D(hp.Int("filters", 2, 4), 3, padding="same", activation="relu")(L.Rescaling(1 / 255)(image))
    model = keras.Model(image, L.Conv2D(3, 1, activation="softmax", name="classes")(x))
    model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
""",
        data=layouts.class_of_every_pixel,
    ),
    "two labels for a list of outputs": code(
        """
def build(hp):
    image = keras.Input((8, 8, 1))
    x = L.Dense(hp.Int("width", 4, 8), "relu")(L.Flatten()(L.Rescaling(1 / 255)(image)))
    outputs = [L.Dense(4, "softmax", name="kind")(x), L.Dense(1, name="light")(x)]
    model = keras.Model(image, outputs)
    weights = [hp.Float("weight", 0.1, 1.0), 1.0]
    model.compile(keras.optimizers.Adam(0.02), ["categorical_crossentropy", "mse"], loss_weights=weights)
    return model
""",
        data=layouts.two_labels,
    ),
    "two inputs and two labels": code(
        """
def build(hp):
    inputs = {"picture": keras.Input((8, 8, 1), name="picture"), "numbers": keras.Input((3,), name="numbers")}
    seen = L.Flatten()(L.Rescaling(1 / 255)(inputs["picture"]))
    x = L.Dense(hp.Int("width", 4, 8), "relu")(L.Concatenate()([seen, inputs["numbers"]]))
    model = keras.Model(inputs, {"kind": L.Dense(4, "softmax", name="kind")(x), "sum": L.Dense(1, name="sum")(x)})
    losses = {"kind": "sparse_categorical_crossentropy", "sum": "mse"}
    model.compile(keras.optimizers.Adam(0.02), losses, metrics={"kind": ["accuracy"], "sum": ["mae"]})
    return model
""",
        data=layouts.two_inputs_two_labels,
        options=("--objective", "val_kind_accuracy:max"),
    ),
}
