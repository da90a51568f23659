"""The facts that pass between the rooms of `tuning` and into the run folder.

Standard library only. Every class is frozen and keyword-only, and a record read from disk equals the one that was
written.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from tuning.errors import InputError
from tuning.files.json_record import ANY_NUMBER, EMPTY_IS_NONE, JsonRecord
from tuning.settings import VALIDATION_LOSS, Configuration, Objective, TrainingSettings

AnyNumber = Annotated[float, ANY_NUMBER]
"""NaN and infinity too."""


class TrialStatus(StrEnum):
    """How a trial ended: by itself, early, until it may be promoted, before it was trained, or by an error."""

    COMPLETED = "completed"
    STOPPED = "stopped"
    PAUSED = "paused"
    SKIPPED = "skipped"
    FAILED = "failed"


class StopReason(StrEnum):
    """What ended a search: its number of trials, the time, a space without more configurations, or nothing but
    configurations at last that are impossible or too large."""

    MAX_TRIALS = "max_trials"
    BUDGET = "budget"
    SPACE = "space"
    SKIPPED = "skipped"


@dataclass(frozen=True, kw_only=True)
class Epoch(JsonRecord):
    """One point of a learning curve. Losses are means over the images, accuracies are 0 to 1.

    What a model does not report is None. `metrics` holds whatever else it reports, by the names that Keras gives them.
    `seconds` of wall time that a whole epoch takes. The first step of a training, which builds the graph, and the steps
    that a stopped one left out count as much as the others.
    """

    loss: AnyNumber | None
    accuracy: AnyNumber | None
    val_loss: AnyNumber | None
    val_accuracy: AnyNumber | None
    learning_rate: AnyNumber
    seconds: AnyNumber
    metrics: Mapping[str, AnyNumber] = dataclasses.field(default_factory=dict)

    def value(self, name: str) -> float | None:
        """The loss, accuracy or other metric of that name; None where the model does not report it."""
        if name in ("loss", "accuracy", "val_loss", "val_accuracy"):
            found: float | None = getattr(self, name)
            return found
        return self.metrics.get(name)

    @property
    def is_finite(self) -> bool:
        """Whether no loss of this epoch is NaN or infinite."""
        return all(loss is None or math.isfinite(loss) for loss in (self.loss, self.val_loss))


@dataclass(frozen=True, kw_only=True)
class TrialRecord(JsonRecord):
    """One trained configuration of a search, with every epoch of its learning curve.

    `seed` is the one that its weights, shuffling and dropout derive from. `reason` says why a trial failed, was skipped
    or was stopped, else it is empty. `result_epoch` is the index of the epoch whose weights the trial ended with.
    `seconds` of wall time, over all attempts; it was begun or continued `starts` times. `macs`: multiply-accumulate
    operations for one example, where they are counted. `repeat_of`: the trial whose configuration this one trains again
    with another seed, if any. `note`: what is to be known about its value, else empty. `expected`: the objective that
    the search's model expects after a whole training; None where it says nothing.
    """

    _OMITTED: ClassVar[tuple[str, ...]] = ("expected",)

    trial_id: str
    hyperparameters: Configuration
    settings: TrainingSettings
    seed: int
    status: TrialStatus
    reason: str
    epochs: tuple[Epoch, ...]
    result_epoch: int
    parameters: int
    seconds: float
    macs: int | None = None
    repeat_of: Annotated[str | None, EMPTY_IS_NONE] = None
    note: str = ""
    starts: int = 1
    expected: float | None = None

    def __post_init__(self) -> None:
        if self.epochs and not 0 <= self.result_epoch < len(self.epochs):
            raise ValueError(f"result_epoch must be one of {len(self.epochs)} epochs, got {self.result_epoch}")

    @property
    def val_loss(self) -> float | None:
        """Validation loss of the weights that the trial ended with; None where there is no finite number."""
        return self._result("val_loss")

    @property
    def val_accuracy(self) -> float | None:
        """Validation accuracy of the weights that the trial ended with; None where there is no finite number."""
        return self._result("val_accuracy")

    @property
    def value(self) -> float | None:
        """The objective of the weights that the trial ended with; None where there is no finite number."""
        return self._result(self.settings.objective.name)

    @property
    def rank(self) -> float:
        """What trials are ordered by, less is better and infinite without a value: what is expected, else the value."""
        if self.value is None:
            return math.inf
        return self.settings.objective.rank(self.value if self.expected is None else self.expected)

    @property
    def passes(self) -> float:
        """How many times it was shown all images: its epochs may be parts."""
        return len(self.epochs) / self.settings.parts

    @property
    def is_whole(self) -> bool:
        """Whether it had all the epochs that a trial may have."""
        return len(self.epochs) == self.settings.epochs

    @property
    def epoch_seconds(self) -> float:
        """What an epoch takes: the median; 0 where there is none."""
        return statistics.median(epoch.seconds for epoch in self.epochs) if self.epochs else 0.0

    @property
    def start_seconds(self) -> float:
        """What it takes to begin or to continue, beside the epochs."""
        return max(self.seconds - sum(epoch.seconds for epoch in self.epochs), 0.0) / max(self.starts, 1)

    def seconds_for(self, epochs: int) -> float:
        """What it takes to train so many epochs from the beginning."""
        return self.start_seconds + epochs * self.epoch_seconds

    @property
    def has_result(self) -> bool:
        """Whether the trial can be ranked: it was trained, did not fail, and its objective is a finite number."""
        return self.status not in (TrialStatus.FAILED, TrialStatus.SKIPPED) and self.value is not None

    def _result(self, name: str) -> float | None:
        value = self.epochs[self.result_epoch].value(name) if self.epochs else None
        return value if value is not None and math.isfinite(value) else None


@dataclass(frozen=True, kw_only=True)
class EarlierResult(JsonRecord):
    """What another search found of a configuration.

    `curve`: the objective's values after so many passes over all images, in their order; None where that is not known.
    """

    hyperparameters: Configuration
    curve: tuple[tuple[float | None, float], ...]


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """What a search is asked for: together with data, space and model it determines the sequence of trials.

    `algorithm`: the name of a file in `tuning/oracles/algorithms`, or a `kt.Oracle` made by the caller; its own
    objective counts then.
    `max_trials`: 1 or more. `epochs`: per trial, 1 or more; None: by the number of images. `parts`: of an epoch, after
    each of which a trial can pause, 1 or more; None: by the number of images, where model and algorithm allow it.
    `min_epochs`: those after
    which `halving` may stop a trial, 1 or more. `seed`: 0 or more; 0 is a seed like any other. `balance_classes`: every
    class weighs the same in the loss. `enqueued`: configurations that are tried first, each with its own training
    settings or None for the search's; None: the model builder's default one. `costs`: names in `pareto.COSTS`; with
    any, configurations that promise nothing for their size are skipped, and the choice is the smallest among the best.
    `max_parameters`: larger models are not trained. `finalists`: so many of the best trials are trained `repeats` times
    again, with other seeds; 0 repeats leave the choice to the first ranking. `folds`: 2 or more;
    then each repeat validates with another of so many folds, one fewer than there are. `earlier`: what other searches
    found, of
    whatever data, for an algorithm that learns from that.
    """

    algorithm: Any = "freeze-thaw"
    max_trials: int = 100
    epochs: int | None = None
    parts: int | None = None
    min_epochs: int = 1
    seed: int = 0
    objective: Objective = VALIDATION_LOSS
    balance_classes: bool = False
    enqueued: tuple[tuple[Configuration, TrainingSettings | None], ...] | None = None
    costs: tuple[str, ...] = ()
    max_parameters: int | None = None
    finalists: int = 3
    repeats: int = 2
    folds: int | None = None
    earlier: tuple[EarlierResult, ...] = ()

    def __post_init__(self) -> None:
        positive = ("max_trials", "epochs", "parts", "min_epochs", "max_parameters", "finalists")
        for name, least in (*((name, 1) for name in positive), ("seed", 0), ("repeats", 0), ("folds", 2)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"`{name}` must be {least} or more, got {value}")


def best_epoch(epochs: Sequence[Epoch], objective: Objective) -> int:
    """The index of the epoch with the best objective; the last one where none has a finite one."""
    ranked = [(index, epoch.value(objective.name)) for index, epoch in enumerate(epochs) if epoch.is_finite]
    reported = [(index, value) for index, value in ranked if value is not None and math.isfinite(value)]
    return min(reported, key=lambda pair: objective.rank(pair[1]))[0] if reported else len(epochs) - 1
