"""Builders, layers and losses that are written as other people write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from .kinds import ALL_OF_IT, SHARED, UNIT, Kind, as_probabilities, scaled
from .layouts import two_classes
from .spaces import HEAD, finds

LOGITS = "loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), activation=None"

NETS_PARTS = """
from shared import L


def body(width):
    return [L.Dense(width)]
"""
NETS_SMALL = """
import keras_tuner as kt

from shared import net

from .parts import body


class Small(kt.HyperModel):
    def build(self, hp):
        return net(body(hp.Int("width", 2, 4)))
"""
PARTIALS = """
import functools

import makers

build = functools.partial(functools.partial(makers.make, depth=1), width=3)
"""
MAKERS = """
from shared import L, net


def make(hp, depth, width):
    return net([L.Dense(width, activation=hp.Choice("activation", ["relu", "tanh"]))] * depth)
"""
WRAPPING = """
import functools


def told(function):
    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        print("building")
        return function(*args, **kwargs)

    return wrapped
"""
SQUEEZE = """
import keras


class Squeeze(keras.layers.Layer):
    def __init__(self, width, **options):
        super().__init__(**options)
        self.width = width
        self.inner = keras.layers.Dense(width, activation="relu")

    def build(self, shape):
        self.inner.build(shape)

    def call(self, x):
        return self.inner(x)

    def get_config(self):
        return {**super().get_config(), "width": self.width}
"""
CLASSES = """
import keras


def gain(start):
    class Gain(keras.layers.Layer):
        def __init__(self, start=1.0, **options):
            super().__init__(**options)
            self.start = start

        def build(self, shape):
            first = keras.initializers.Constant(self.start)
            self.gain = self.add_weight(shape=(shape[-1],), initializer=first)

        def call(self, x):
            return x * self.gain

        def get_config(self):
            return {**super().get_config(), "start": self.start}

    return Gain(start)
"""
PARTS = """
import keras


def bent(x):
    return keras.ops.where(x > 0, x, 0.2 * x)


def few(shape, dtype=None):
    return keras.random.normal(shape, stddev=0.3, seed=1, dtype=dtype)


class Small(keras.regularizers.Regularizer):
    def __init__(self, rate):
        self.rate = rate

    def __call__(self, x):
        return self.rate * keras.ops.sum(keras.ops.square(x))

    def get_config(self):
        return {'rate': self.rate}


class Unit(keras.constraints.Constraint):
    def __call__(self, w):
        return w / keras.ops.maximum(keras.ops.max(keras.ops.abs(w)), 1.0)
"""
THEIRS = """
import keras


@keras.saving.register_keras_serializable('theirs')
class GaussianNoise(keras.layers.Layer):
    def __init__(self, level, **options):
        super().__init__(**options)
        self.level = level

    def call(self, x):
        return x * (1 + self.level)

    def get_config(self):
        return {**super().get_config(), 'level': self.level}
"""

LONGER = ("--epochs", 4)
"""For models whose first epoch is mostly chance."""


def kept_as_weights(run: Path) -> None:
    assert not (run / "model.keras").exists()
    assert json.loads((run / "run.json").read_text())["saved"]["file"] == "model.weights.h5"


def code(text: str, *, files: dict[str, str] | None = None, **more: Any) -> Kind:
    return Kind(code=HEAD + text, files={"shared.py": SHARED, **(files or {})}, **more)


KINDS = {
    "a hypermodel that never calls super": code(
        """
class Own(kt.HyperModel):
    def __init__(self, widths):
        self.widths = widths

    def build(self, hp):
        return net([L.Dense(hp.Choice("width", self.widths))])


hypermodel = Own([2, 4])
""",
        model="my.py:hypermodel",
    ),
    "a class of hypermodels in a package": Kind(
        code="",
        files={
            "shared.py": SHARED,
            "nets/__init__.py": "",
            "nets/parts.py": NETS_PARTS,
            "nets/small.py": NETS_SMALL,
        },
        model="nets.small:Small",
    ),
    "partials of a function elsewhere": Kind(
        code=PARTIALS,
        files={
            "shared.py": SHARED,
            "makers.py": MAKERS,
        },
        check=finds(2),
    ),
    "a decorator from a module": code(
        """
import wrapping


@wrapping.told
def build(hp):
    return net([L.Dense(hp.Int("width", 2, 4))])
""",
        files={"wrapping.py": WRAPPING},
    ),
    "an object that is called": code(
        """
class Maker:
    def __call__(self, hp):
        return net([L.Dense(hp.Int("width", 2, 4))])


build = Maker()
"""
    ),
    "layers of a package that is imported as a module": code(
        """
import blocks.squeeze as sq


def build(hp):
    return net([sq.Squeeze(hp.Int("width", 2, 4))])
""",
        files={
            "blocks/__init__.py": "",
            "blocks/squeeze.py": SQUEEZE,
        },
    ),
    "a layer whose class is made in a function elsewhere": code(
        """
import classes


def build(hp):
    return net([classes.gain(hp.Choice("start", [0.5, 1.0]))])
""",
        files={"classes.py": CLASSES},
        check=finds(2),
    ),
    "a layer that does not say how it is made": code(
        """
class Mixed(keras.layers.Layer):
    def __init__(self, parts):
        super().__init__()
        self.parts = parts

    def call(self, x):
        return sum(part(x) for part in self.parts)


def build(hp):
    return net([Mixed([L.Dense(hp.Int("width", 4, 5)), L.Dense(hp.get("width"), activation="relu")])])
""",
        check=kept_as_weights,
    ),
    "a model class that does not say how it is made": code(
        """
class Net(keras.Model):
    def __init__(self, sizes):
        super().__init__()
        self.blocks = [L.Dense(size, activation=keras.activations.tanh) for size in sizes]
        self.flatten, self.head = L.Flatten(), L.Dense(4)

    def call(self, x, training=False):
        x = self.flatten(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def build(hp):
    model = Net({"a": hp.Int("width", 4, 8), "b": 6}.values())
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss, metrics=["accuracy"])
    return model
""",
        options=(*UNIT, *LONGER),
        inputs=scaled,
        answer=as_probabilities,
        check=kept_as_weights,
    ),
    "losses of three label forms in one space": code(
        f"""
def build(hp):
    kind = hp.Choice("loss", ["sparse", "rows", "logits"])
    if kind == "sparse":
        return net([])
    if kind == "rows":
        return net([], loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.1))
    return net([], {LOGITS})
""",
        options=ALL_OF_IT,
        answer=as_probabilities,
        check=finds(3),
    ),
    "functions of one's own in every place of a layer": code(
        """
from parts import Small, Unit, bent, few


def build(hp):
    return net([L.Dense(hp.Int("width", 4, 6), bent, kernel_initializer=few, bias_regularizer=Small(0.1)),
                L.Dense(4, "relu", kernel_constraint=Unit())])
""",
        options=LONGER,
        files={
            "parts.py": PARTS,
        },
    ),
    "a registered layer that is called as one of Keras's": code(
        """
import theirs


def build(hp):
    return net([theirs.GaussianNoise(hp.Float("level", 0.1, 0.2))])
""",
        files={"theirs.py": THEIRS},
    ),
    "lambdas between layers": code(
        """
def build(hp):
    power = hp.Choice("power", [1.0, 2.0])
    bent = L.Dense(4, activation=lambda x: keras.ops.maximum(x, -0.1))
    return net([L.Lambda(lambda x: keras.ops.power(x, power)), bent])
"""
    ),
    "one sigmoid for two classes": code(
        """
def build(hp):
    layers = [keras.Input((8, 8)), L.Rescaling(1 / 255), L.LSTM(hp.Int("units", 4, 5)), L.Dense(1, "sigmoid")]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    return model
""",
        data=two_classes,
        options=LONGER,
        inputs=lambda raw: raw[..., 0],
        answer=lambda answer: np.concatenate([1 - answer, answer], axis=1),
    ),
    "weights that are averaged over the steps": code(
        """
def build(hp):
    optimizer = keras.optimizers.SGD(0.05, use_ema=True, ema_momentum=hp.Choice("ema", [0.9, 0.99]))
    return net([L.Dense(8, "relu"), L.BatchNormalization()], optimizer)
""",
        options=LONGER,
    ),
    "a keras.json and an environment for other programs": code(
        """
def build(hp):
    return net([L.Conv2D(hp.Int("filters", 2, 4), 3), L.MaxPooling2D()])
""",
        environment={"KERAS_BACKEND": "jax", "KERAS_MAX_EPOCHS": "0"},
    ),
}
