"""What the tests of user's models share: small models, and searches with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt

from tuning._search import search
from tuning.data.search_data import SearchData
from tuning.loop.resources import Resources
from tuning.models.user_model import UserModel, Wishes
from tuning.ranking.choice import SearchResult
from tuning.records import SearchConfig

layers = keras.layers


def compiled(model: keras.Model, loss: Any = "sparse_categorical_crossentropy", **options: Any) -> keras.Model:
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss=loss, metrics=["accuracy"], **options)
    return model


def dense(
    hp: kt.HyperParameters, *, units: int = 10, activation: str | None = "softmax", **options: Any
) -> keras.Model:
    """A small sequential model with its own rescaling."""
    stack = [keras.Input((28, 28, 1)), layers.Rescaling(1 / 255), layers.Flatten()]
    width = hp.Int("units", 4, 8, step=4)
    return compiled(
        keras.Sequential([*stack, layers.Dense(width, activation="relu"), layers.Dense(units, activation=activation)]),
        **options,
    )


def made(code: Any, data: SearchData, *, wishes: Wishes | None = None) -> UserModel:
    return UserModel(code, data, name="my.py:build", wishes=wishes)


def config(**changes: Any) -> SearchConfig:
    usual = {"algorithm": "random", "max_trials": 2, "epochs": 2, "repeats": 0}
    return SearchConfig(**{**usual, **changes})


def searched(model: Any, data: SearchData, folder: Path, asked: SearchConfig) -> SearchResult:
    """In this process."""
    return search(model, data, folder, asked, resources=Resources(workers=0))


class FailingFit(kt.HyperModel):
    def build(self, hp: Any) -> keras.Model:
        return dense(hp)

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **options: Any) -> Any:
        raise RuntimeError("no such thing")
