"""What a model says of its own to labelled examples, and how far that is from what it would say to others."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from tuning.data.dataset import Split
from tuning.records import Epoch
from tuning.settings import Feed, Objective
from tuning.training.callbacks import epoch_from_logs
from tuning.training.input_pipeline import validation_batches

FEWEST_IN_PART, MOST_PARTS = 20, 10
STANDARD_ERRORS = 5.0
"""A difference that is larger than so many standard errors is no chance."""

_LEAST_SHARE = 1e-3


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """An objective's value on some examples, with its standard error: infinite where they are too few."""

    value: float
    standard_error: float
    examples: int

    def of(self, examples: int) -> float:
        """The standard error of the same on so many other examples."""
        return self.standard_error * math.sqrt(self.examples / examples)


def report(model: keras.Model, split: Split, feed: Feed) -> Epoch:
    """The loss and every metric that the model was compiled with, as those of an epoch's validation."""
    found = model.evaluate(validation_batches(split, feed=feed), verbose=0, return_dict=True)
    logs = {f"val_{name}": value for name, value in found.items()}
    return epoch_from_logs(logs, learning_rate=0.0, seconds=0.0)


def measure(model: keras.Model, split: Split, feed: Feed, objective: Objective) -> Measurement | None:
    """The objective on the whole of `split`; its standard error from how it differs between parts of it.

    Parts that are measured one by one (batch means: Schmeiser, Operations Research 1982) serve any metric, one that is
    no mean over the examples as well. None for a model that is not compiled, or does not report the objective.
    """
    if not model.compiled:
        return None
    value = report(model, split, feed).value(objective.name)
    if value is None:
        return None
    count = min(len(split) // FEWEST_IN_PART, MOST_PARTS)
    parts = []
    for positions in np.array_split(np.arange(len(split)), count) if count > 1 else ():
        part = report(model, split.take(positions), feed).value(objective.name)
        if part is not None and math.isfinite(part):
            parts.append(part)
    error = statistics.stdev(parts) / math.sqrt(len(parts)) if len(parts) > 1 else math.inf
    return Measurement(
        value=value, standard_error=max(error, _least(value, objective, len(split))), examples=len(split)
    )


def with_report(epochs: Sequence[Epoch], found: Epoch, *, seconds: float = 0.0) -> list[Epoch]:
    """The curve with what was found in its last epoch, which is a new one if there was none."""
    if not epochs:
        return [dataclasses.replace(found, seconds=seconds)]
    *before, last = epochs
    values = {name: getattr(found, name) for name in ("val_loss", "val_accuracy") if getattr(found, name) is not None}
    return [*before, dataclasses.replace(last, **values, metrics={**last.metrics, **found.metrics})]


def _least(value: float, objective: Objective, examples: int) -> float:
    """Parts that are alike by chance say nothing: a share has the error of one that is wrong once more."""
    if objective.maximize and 0 <= value <= 1:
        share = (value * examples + 1) / (examples + 2)
        return math.sqrt(share * (1 - share) / examples)
    return abs(value) * _LEAST_SHARE
