"""Trainings that a user's own `HyperModel.fit(hp, model, *args, **kwargs)` runs: what it is given, what it returns.

It is called as Keras Tuner's `search(x, y, validation_data=…, epochs=…)` would call it, so that batch size, epochs,
shuffling or preprocessing can be searched in it without a change.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import psutil

from tuning.data.array_feeding import encode_labels, scale_pixels
from tuning.data.dataset import Split
from tuning.errors import InputError
from tuning.records import Epoch
from tuning.settings import Feed, Objective, TrainingPlan
from tuning.training.callbacks import epoch_from_logs
from tuning.training.input_pipeline import epoch_batches, validation_batches
from tuning.training.weighing import spread_weights, weigh

if TYPE_CHECKING:
    from tuning.training.built import Built

WITH_VALIDATION = 4
"""x and y to train with, x and y to validate with."""

LARGEST_SHARE, FLOAT_BYTES = 0.6, 4
"""Of the free memory, what arrays may take; a pixel that is scaled takes four bytes."""

_MUST_BE_TAKEN = ("class_weight", "sample_weight")
_OPTIONS = set(inspect.signature(keras.Model.fit).parameters) - {"self", "x", "y"}
_DECIDED_TWICE = re.compile(r"got multiple values for keyword argument '(\w+)'")


@dataclass(kw_only=True)
class OwnFit:
    """A `fit` that its owner wrote.

    `batch_size`: handed to it if one was asked for. `ranks_only`: what it returns ranks a trial, whatever becomes of
    the model that it is given. `decides`: arguments of `Model.fit` that it sets by itself or has no parameter for, as
    found out so far.
    """

    fit: Callable[..., Any]
    name: str
    batch_size: int | None = None
    ranks_only: bool = False
    decides: set[str] = field(default_factory=set)

    def __call__(self, hp: Any, model: keras.Model, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
        """Run it; what it returns. `options` that it has no parameter for, or sets by itself, are left out.

        Raises whatever it raises, and InputError if it can't take weights that were asked for.
        """
        accepted = inspect.signature(self.fit).parameters
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values()):
            for needed in _MUST_BE_TAKEN:
                if needed in options and needed not in accepted:
                    raise InputError(
                        f"fit of {self.name} takes no {needed}: add **kwargs to it and hand them to model.fit"
                    )
            self.decides |= set(options) - set(accepted)
            options = {name: value for name, value in options.items() if name in accepted}
        while True:
            given = {name: value for name, value in options.items() if name not in self.decides}
            try:
                return self.fit(hp, model, *arguments, **given)
            except TypeError as error:
                twice = _DECIDED_TWICE.search(str(error))
                if twice is None or twice[1] not in given:
                    raise
                # Python refuses the call before anything is trained.
                self.decides.add(twice[1])

    def run(
        self,
        built: Built,
        plan: TrainingPlan,
        callbacks: Sequence[keras.callbacks.Callback],
        *,
        epochs: range,
        training: Split,
        validation: Split | None,
    ) -> Any:
        """Call it with what it has parameters for; what it returns.

        Images and labels as arrays where it takes both, x and y; one `tf.data.Dataset` where it takes a single thing,
        or where it leaves that open and the images lie on disk.
        """
        options: dict[str, Any] = {"epochs": epochs.stop, "callbacks": list(callbacks), "verbose": 0}
        if epochs.start:
            options["initial_epoch"] = epochs.start
        training, class_weight = weigh(training, balance_classes=plan.settings.balance_classes)
        if class_weight is not None:
            options["class_weight"] = class_weight
        names = data_parameters(self.fit)
        as_batches = len(names) == 1 if names is not None and len(names) > 0 else training.is_on_disk
        if as_batches:
            # Each epoch has an order of its own already, which Keras would warn of.
            options["shuffle"] = False
            batch_size, weights = built.recipe.batch_size, spread_weights(training, built)
            given: tuple[Any, ...] = (
                epoch_batches(training, batch_size=batch_size, seed=plan.seed, feed=built.feed, weights=weights),
            )
            if validation is not None:
                options["validation_data"] = validation_batches(validation, feed=built.feed)
        else:
            given = self._arrays(training, built.feed)
            if training.weights is not None:
                options["sample_weight"] = spread_weights(training, built)
            if self.batch_size is not None:
                options["batch_size"] = self.batch_size
            if validation is not None:
                options["validation_data"] = self._arrays(validation, built.feed)
        if names is not None and len(names) == WITH_VALIDATION and validation is not None:
            given += options.pop("validation_data")
        if names == []:
            options |= dict(zip(("x", "y"), given, strict=False))
            given = ()
        return self(built.hp, built.model, given, options)

    def _arrays(self, split: Split, feed: Feed) -> tuple[Any, Any]:
        """Raises InputError where they would not fit into memory."""
        if split.is_on_disk:
            needed = split.images[:1].nbytes * len(split) * (1 if feed.pixel_scale is None else FLOAT_BYTES)
            if needed > LARGEST_SHARE * psutil.virtual_memory().available:
                raise InputError(
                    f"fit of {self.name} takes x and y, which would be {needed / 2**30:.1f} GiB of arrays, more than "
                    "there is memory for: write it as fit(self, hp, model, data, **kwargs) to get a tf.data.Dataset"
                )
        return scale_pixels(split, feed), encode_labels(split.labels, feed)


def data_parameters(fit: Callable[..., Any]) -> list[str] | None:
    """The parameters that it has for data, behind hp and model; None if it takes any number of them."""
    behind = list(inspect.signature(fit).parameters.values())[2:]
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in behind):
        return None
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [each.name for each in behind if each.kind in positional and each.name not in _OPTIONS]


@dataclass(frozen=True, kw_only=True)
class OwnCurve:
    """The learning curve of a training by its owner's own `fit`.

    `is_answer`: its last epoch holds the objective as `fit` returned it, which counts whatever the epochs were like.
    """

    epochs: list[Epoch]
    is_answer: bool


def with_results(epochs: Sequence[Epoch], results: Any, objective: Objective, *, name: str, seconds: float) -> OwnCurve:
    """The learning curve that the callbacks saw, completed by what `fit` returned, as Keras Tuner reads it.

    A `History` replaces a curve that no callback saw; a dictionary adds its numbers to the last epoch; a single
    number is the objective. Raises InputError for anything else.
    """
    curve = list(epochs)
    if isinstance(results, keras.callbacks.History):
        if not curve and results.history:
            rows = zip(*results.history.values(), strict=True)
            logs = [dict(zip(results.history, row, strict=True)) for row in rows]
            curve = [epoch_from_logs(log, learning_rate=0.0, seconds=seconds / len(logs)) for log in logs]
        return OwnCurve(epochs=curve, is_answer=False)
    if isinstance(results, int | float | np.floating | np.integer):
        results = {objective.name: float(results)}
    if not isinstance(results, Mapping):
        raise InputError(
            f"fit of {name} returned {type(results).__name__} but must return what model.fit returns, a dictionary of "
            "numbers, or the objective"
        )
    return OwnCurve(epochs=_complete(curve, results, seconds=seconds), is_answer=objective.name in results)


def _complete(epochs: Sequence[Epoch], numbers: Mapping[str, Any], *, seconds: float) -> list[Epoch]:
    """The curve with these numbers in its last epoch, which is a new one if there was none."""
    *before, last = epochs if epochs else [None]
    seen = {} if last is None else {key: value for key, value in _logs(last).items() if value is not None}
    rate, took = (0.0, seconds) if last is None else (last.learning_rate, last.seconds)
    return [*before, epoch_from_logs({**seen, **numbers}, learning_rate=rate, seconds=took)]


def _logs(epoch: Epoch) -> dict[str, float | None]:
    named = {name: epoch.value(name) for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
    return {**named, **epoch.metrics}
