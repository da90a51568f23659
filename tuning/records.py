"""The facts that pass between the rooms of `tuning` and into the run folder.

Standard library only. Every class is frozen and keyword-only; `as_json` and `from_json` are inverse to each other,
so that a record read from disk equals the one that was written. JSON has no word for NaN and infinity: a loss that is
one is written as text.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

DATASET_NAMES = ("auto", "mnist", "fashion_mnist", "digits")
ALGORITHMS = ("random", "bayesian", "hyperband", "grid")

Value = bool | int | float | str
"""What a hyperparameter can hold."""

Configuration = Mapping[str, Value]
"""Hyperparameter name → value, active hyperparameters only."""


class Schedule(StrEnum):
    """How the learning rate moves during a training. The value that the model was compiled with is the peak."""

    CONSTANT = "constant"
    STEP = "step"
    WARMUP_COSINE = "warmup_cosine"


class Labels(StrEnum):
    """How labels are handed to the loss: as they are, or as float32 rows with a single 1."""

    INTEGER = "integer"
    ONE_HOT = "one_hot"


@dataclass(frozen=True, kw_only=True)
class Feed:
    """How examples are handed to a model.

    `num_classes` is needed for one-hot labels. `pixel_scale`: None hands uint8 pixels over as they are; (factor,
    offset) hands over float32 `pixel × factor + offset`.
    """

    labels: Labels = Labels.INTEGER
    num_classes: int = 0
    pixel_scale: tuple[float, float] | None = None


class Status(StrEnum):
    """How a trial ended."""

    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Everything about a training that is not a hyperparameter of the model.

    `epochs`: 1 or more. `augmentation`: light affine changes (shift, rotation, scale) in the input pipeline.
    `patience`: epochs without a lower validation loss after which training stops; None never stops early.
    `keep_best`: end with the weights of the epoch of lowest validation loss instead of the last one.
    """

    epochs: int
    schedule: Schedule = Schedule.WARMUP_COSINE
    labels: Labels = Labels.INTEGER
    augmentation: bool = False
    patience: int | None = None
    keep_best: bool = False

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueError(f"epochs must be 1 or more, got {self.epochs}")

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TrainingSettings:
        return cls(**{**data, "schedule": Schedule(data["schedule"]), "labels": Labels(data["labels"])})


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that determines a training apart from the data: configuration, settings, seed.

    `seed`: initial weights, shuffling, dropout and augmentation derive from it. `initial_epoch`: 0, or the number of
    epochs that the weights in the file `initial_weights` were trained for.
    """

    hyperparameters: Configuration
    settings: TrainingSettings
    seed: int
    initial_epoch: int = 0
    initial_weights: str = ""

    def as_json(self) -> dict[str, Any]:
        return _as_json(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Plan:
        return cls(**{**data, "settings": TrainingSettings.from_json(data["settings"])})


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One point of a learning curve. Losses are means over the images, accuracies are 0 to 1.

    `seconds` of wall time that a whole epoch takes. The first step of a training, which builds the graph, and the steps
    that a stopped one left out count as much as the others.
    """

    loss: float
    accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    learning_rate: float
    seconds: float

    @property
    def is_finite(self) -> bool:
        """Whether no loss of this epoch is NaN or infinite."""
        return math.isfinite(self.loss) and (self.val_loss is None or math.isfinite(self.val_loss))

    def as_json(self) -> dict[str, Any]:
        return {
            name: value if value is None or math.isfinite(value) else str(value)
            for name, value in dataclasses.asdict(self).items()
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Epoch:
        return cls(**{name: float(value) if isinstance(value, str) else value for name, value in data.items()})


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """One trained configuration of a search, with every epoch of its learning curve.

    `seed` is the one that its weights, shuffling and dropout derive from. `reason` says why a trial failed or
    was stopped, else it is empty. `result_epoch` is the index of the epoch whose weights the trial ended with.
    """

    trial_id: str
    hyperparameters: Configuration
    settings: TrainingSettings
    seed: int
    status: Status
    reason: str
    epochs: tuple[Epoch, ...]
    result_epoch: int
    parameters: int
    seconds: float

    @property
    def val_loss(self) -> float:
        """Validation loss of the weights that the trial ended with; infinite where there is none."""
        return self._result("val_loss", math.inf)

    @property
    def val_accuracy(self) -> float:
        """Validation accuracy of the weights that the trial ended with; 0 where there is none."""
        return self._result("val_accuracy", 0.0)

    @property
    def has_result(self) -> bool:
        """Whether the trial can be ranked: it did not fail and at least one epoch was validated."""
        return self.status is not Status.FAILED and math.isfinite(self.val_loss)

    def _result(self, name: str, missing: float) -> float:
        if not self.epochs:
            return missing
        value = getattr(self.epochs[self.result_epoch], name)
        return missing if value is None or math.isnan(value) else value

    def as_json(self) -> dict[str, Any]:
        return _as_json(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TrialRecord:
        return cls(
            **{
                **data,
                "settings": TrainingSettings.from_json(data["settings"]),
                "status": Status(data["status"]),
                "epochs": tuple(Epoch.from_json(epoch) for epoch in data["epochs"]),
            }
        )


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """What a search was asked for: together with data, space and model it determines the sequence of trials.

    `max_trials`: 1 or more. `epochs`: per trial, 1 or more. `seed`: 0 or more; 0 is a seed like any other.
    `enqueued`: configurations that are tried first, each with its own training settings or None for the search's.
    """

    algorithm: str
    max_trials: int
    epochs: int
    seed: int
    enqueued: tuple[tuple[Configuration, TrainingSettings | None], ...] = ()

    def __post_init__(self) -> None:
        for name, least in (("max_trials", 1), ("epochs", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be {least} or more, got {getattr(self, name)}")

    @property
    def settings(self) -> TrainingSettings:
        """How a trial of the search trains unless it brings settings of its own."""
        return TrainingSettings(epochs=self.epochs)


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """All trials in the order in which they finished. `stopped_by` is `max_trials`, `budget` or `space`."""

    trials: tuple[TrialRecord, ...]
    stopped_by: str

    @property
    def winner(self) -> TrialRecord | None:
        """The trial of lowest validation loss, the earlier one on a tie; None if no trial has a result."""
        ranked = [trial for trial in self.trials if trial.has_result]
        return min(ranked, key=lambda trial: trial.val_loss, default=None)


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """A model that was trained to its end and saved: how, on how many images, and its learning curve."""

    hyperparameters: Configuration
    settings: TrainingSettings
    seed: int
    examples: int
    parameters: int
    epochs: tuple[Epoch, ...]
    result_epoch: int
    seconds: float

    def as_json(self) -> dict[str, Any]:
        return _as_json(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TrainedModel:
        return cls(
            **{
                **data,
                "settings": TrainingSettings.from_json(data["settings"]),
                "epochs": tuple(Epoch.from_json(epoch) for epoch in data["epochs"]),
            }
        )


@dataclass(frozen=True, kw_only=True)
class ClassScores:
    """Precision, recall and F1 of one class, each 0 to 1, and its number of images."""

    name: str
    precision: float
    recall: float
    f1: float
    examples: int


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How a predict function did on labelled images it was not trained on.

    `ci95` is the Wilson interval of the accuracy. `precision`, `recall` and `f1` are means over the classes that have
    images, each 0 to 1. `confusion[i][j]` counts images of class i that were called j.
    `misclassified` holds the indices of the wrong answers, ascending.
    """

    examples: int
    correct: int
    ci95: tuple[float, float]
    precision: float
    recall: float
    f1: float
    classes: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]
    misclassified: tuple[int, ...]

    @property
    def accuracy(self) -> float:
        """Share of correct answers, 0 to 1."""
        return self.correct / self.examples

    def as_json(self) -> dict[str, Any]:
        return {"accuracy": self.accuracy, **dataclasses.asdict(self)}


def _as_json(record: Any) -> dict[str, Any]:
    return {field.name: _plain(getattr(record, field.name)) for field in dataclasses.fields(record)}


def _plain(value: Any) -> Any:
    if hasattr(value, "as_json"):
        return value.as_json()
    if isinstance(value, tuple):
        return [_plain(element) for element in value]
    return dict(value) if isinstance(value, Mapping) else value
