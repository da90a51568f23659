"""What the table of kinds is made of: a user's files, their data, their commands, and what Keras itself answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .layouts import four_classes

UNIT = ("--pixel-scale", "unit")
"""Options for models that want pixel values from 0 to 1 and do not scale them."""
ALL_OF_IT = ("--algorithm", "grid", "--max-trials", 40)
"""Options that search a small space to its end."""

SHARED = '''
"""What the models share."""
import keras

L = keras.layers


def net(hidden, optimizer=None, loss="sparse_categorical_crossentropy", activation="softmax"):
    """A small classifier of four classes with these layers in the middle."""
    layers = [keras.Input((8, 8, 1)), L.Rescaling(1 / 255), *hidden, L.Flatten(), L.Dense(4, activation=activation)]
    model = keras.Sequential(layers)
    model.compile(optimizer or keras.optimizers.Adam(0.02), loss, metrics=["accuracy"])
    return model
'''


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A model of a user's own, searched, retrained, exported and verified.

    `code`: what `my.py` holds. `files`: other files beside it. `data`: writes the data into the folder and gives
    (option of tune.py, raw test inputs as the exported files take them). `inputs`: those as the Keras model takes them.
    `answer`: what Keras answers, as the exported files do. `check`: what else has to hold of the run's folder.
    `environment`: variables of a real command, in place of the warm process.
    """

    code: str
    files: Mapping[str, str] = field(default_factory=dict)
    model: str = "my.py:build"
    data: Callable[[Path], tuple[tuple[Any, ...], Any]] = four_classes
    options: tuple[Any, ...] = ()
    inputs: Callable[[Any], Any] = lambda raw: raw
    answer: Callable[[Any], Any] = lambda answer: answer
    check: Callable[[Path], None] = lambda run: None
    environment: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class FileKind:
    """A Keras file of a user's own, exported and verified. `make`: builds the model out of the module `my`."""

    make: Callable[[Any], Any]
    code: str = ""
    file: str = "model.keras"
    options: tuple[Any, ...] = ()
    size: int = 8


def write_code(folder: Path, files: Mapping[str, str]) -> None:
    """Path → text, below the folder."""
    for path, text in files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def scaled(raw: np.ndarray) -> np.ndarray:
    """Pixel values from 0 to 1."""
    return raw.astype(np.float32) / 255


def softmax(logits: Any) -> np.ndarray:
    powers = np.exp(np.asarray(logits) - np.max(logits, axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def as_probabilities(answer: Any) -> np.ndarray:
    """A classifier's answer, whether it is made of probabilities or of logits."""
    answer = np.asarray(answer)
    are_probabilities = (answer >= 0).all() and np.allclose(answer.sum(axis=-1), 1, atol=1e-5)
    return answer if are_probabilities else softmax(answer)
