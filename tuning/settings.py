"""How a training is done: its hyperparameters, everything else that determines it, and what it is judged by.

Standard library only. Every class is frozen and keyword-only.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Self

from tuning.files.json_record import JsonRecord, Place

Value = bool | int | float | str
"""What a hyperparameter can hold."""

Configuration = Mapping[str, Value]
"""Hyperparameter name → value, active hyperparameters only."""


class Schedule(StrEnum):
    """How the learning rate moves during a training. The value that the model was compiled with is the peak."""

    CONSTANT = "constant"
    STEP = "step"
    WARMUP_CONSTANT = "warmup_constant"
    WARMUP_COSINE = "warmup_cosine"
    WARMUP_DECAY = "warmup_decay"

    def fixed_epochs(self, epochs: int) -> float:
        """How many epochs at the beginning of a training of so many are the same however many there are in all."""
        if self is Schedule.WARMUP_COSINE:
            return 0
        return math.ceil(epochs / 8) if self is Schedule.WARMUP_DECAY else math.inf


class Labels(StrEnum):
    """How labels are handed to the loss: as they are, or as float32 rows with a single 1."""

    INTEGER = "integer"
    ONE_HOT = "one_hot"


@dataclass(frozen=True, kw_only=True)
class Objective(JsonRecord):
    """What trials are ranked by: a number that the model reports after every epoch; whether more of it is better."""

    name: str
    maximize: bool

    def rank(self, value: float) -> float:
        """The value as a number of which less is better."""
        return -value if self.maximize else value

    @property
    def direction(self) -> str:
        """`max` or `min`."""
        return "max" if self.maximize else "min"

    def __str__(self) -> str:
        return f"{self.name}:{self.direction}"


VALIDATION_LOSS = Objective(name="val_loss", maximize=False)


@dataclass(frozen=True, kw_only=True)
class Feed:
    """How examples are handed to a model.

    `num_classes` is needed for one-hot labels. `pixel_scale`: None hands uint8 pixels over as they are; (factor,
    offset) hands over float32 `pixel × factor + offset`. `shape`: that of one example, where the model takes the same
    numbers in another one, as a flat row; else None. `outputs`: the names of labels in the order of a model's outputs,
    where those are a list; `one_hot`: of labels with names, output → number of classes, for those that are one-hot.
    """

    labels: Labels = Labels.INTEGER
    num_classes: int = 0
    pixel_scale: tuple[float, float] | None = None
    shape: tuple[int, ...] | None = None
    outputs: tuple[str, ...] = ()
    one_hot: Mapping[str, int] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TrainingSettings(JsonRecord):
    """Everything about a training that is not a hyperparameter of the model.

    `epochs`: 1 or more. `parts`: so many epochs show every image once, 1 or more; a trial can pause within.
    `patience`: epochs without a better objective after which training stops; None never stops early.
    `keep_best`: end with the weights of the epoch with the best objective instead of the last one's.
    `balance_classes`: every class weighs the same in the loss, however many images it has. `by_keras`: `Model.fit`
    trains, also where the model builder has a fit of its own. `halves`: of each batch are trained side by side, for a
    model with one input and one output.
    """

    _EARLIER: ClassVar[tuple[str, ...]] = ("augmentation",)

    epochs: int
    schedule: Schedule = Schedule.WARMUP_COSINE
    labels: Labels = Labels.INTEGER
    patience: int | None = None
    keep_best: bool = False
    balance_classes: bool = False
    objective: Objective = VALIDATION_LOSS
    by_keras: bool = False
    parts: int = 1
    halves: bool = False

    def __post_init__(self) -> None:
        for name in ("epochs", "parts"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, got {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class TrainingPlan(JsonRecord):
    """Everything that determines a training apart from the data: configuration, settings, seed.

    `seed`: initial weights, shuffling, dropout and augmentation derive from it.
    """

    hyperparameters: Configuration
    settings: TrainingSettings
    seed: int

    @classmethod
    def from_json(cls, data: Any, *, place: Place = "") -> Self:
        """Augmentation was a setting in earlier releases: it is a hyperparameter of the built-in model, 1 or 0."""
        plan = super().from_json(data, place=place)
        setting = data["settings"].get("augmentation")
        # A user's own model decides on its rate by itself.
        is_built_in = plan.settings.schedule is not Schedule.CONSTANT
        if setting is True or (setting is False and is_built_in):
            return dataclasses.replace(plan, hyperparameters={**plan.hyperparameters, "augmentation": float(setting)})
        return plan

    def up_to(self, epoch: int) -> dict[str, Any]:
        """What decides every epoch up to this one, as JSON: how many there are only where the rate depends on that."""
        data = self.as_json()
        if epoch <= self.settings.schedule.fixed_epochs(self.settings.epochs):
            data["settings"] = {name: value for name, value in data["settings"].items() if name != "epochs"}
        return data
