"""Keras callbacks of a user's own for every training of a run: the seam for experiment trackers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from tuning.errors import InputError
from tuning.plugins.user_code import load_object
from tuning.settings import Configuration

RETRAINING = "retrain"


@dataclass(frozen=True, kw_only=True)
class TrialContext:
    """What a callback factory knows of the training that starts.

    `run`: the run's name. `trial_id`: `retrain` for the training of the winner, else the trial's number as text.
    `folder`: of this training alone, and there for its files; `run_folder`: that of the run. Both are absolute.
    """

    run: str
    trial_id: str
    hyperparameters: Configuration
    folder: Path
    run_folder: Path


CallbackFactory = Callable[[TrialContext], Any]
"""Returns one Keras callback or several in a list, made for each training."""


def load_factories(sources: Iterable[str]) -> tuple[CallbackFactory, ...]:
    """The functions that FILE.py:NAME or package.module:NAME name. Raises InputError if one is not available."""
    factories = []
    for source in sources:
        factory = load_object(source)
        if not callable(factory) or isinstance(factory, keras.callbacks.Callback):
            raise InputError(
                f"{source} is a {type(factory).__name__} but must be a function from a trial to its callbacks"
            )
        factories.append(factory)
    return tuple(factories)


def make_callbacks(factories: Sequence[CallbackFactory], context: TrialContext) -> list[keras.callbacks.Callback]:
    """What the factories make for a training. Raises InputError for anything but Keras callbacks."""
    made: list[Any] = []
    if factories:
        context.folder.mkdir(parents=True, exist_ok=True)
    for factory in factories:
        given = factory(context)
        made += list(given) if isinstance(given, list | tuple) else [given]
    for callback in made:
        if not isinstance(callback, keras.callbacks.Callback):
            raise InputError(f"a callback factory returned {type(callback).__name__} but must return Keras callbacks")
    return made
