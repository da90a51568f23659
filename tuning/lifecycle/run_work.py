"""What a run is made of, and who follows it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from tuning._search import PreparedSearch
from tuning.data.dataset import Dataset
from tuning.data.search_data import SearchData
from tuning.loop.observer import Observer
from tuning.loop.resources import Resources
from tuning.plugins.user_callbacks import CallbackFactory
from tuning.ranking.choice import SearchResult
from tuning.records import Epoch
from tuning.runs.run_folder import RunFolder
from tuning.runs.trained import TrainedModel
from tuning.settings import TrainingPlan
from tuning.training.builder import ModelBuilder


class Stage(Enum):
    """Which part of a training is announced: all that is left of it, or the one before or the one after its number of
    epochs was fixed by what they take."""

    WHOLE = "whole"
    MEASURING = "measuring"
    MEASURED = "measured"


@dataclass(frozen=True, kw_only=True)
class TrainingPart:
    """Of a training: its `stage`, and how many epochs would suit it if there were time for any number, `wanted`."""

    wanted: int
    stage: Stage = Stage.WHOLE


@dataclass(frozen=True, kw_only=True)
class Retraining:
    """How a model is trained on so many examples; those `left_out` validate.

    `done`: epochs that were trained before. `ends_in_time`: fewer than planned where the time does not last.
    """

    plan: TrainingPlan
    trial_id: str | None
    part: TrainingPart
    examples: int
    left_out: int
    done: int
    ends_in_time: bool


class RunObserver(Protocol):
    """Who wants to follow a run. An exception ends the step, and the run resumes there."""

    def searching(self, search: PreparedSearch, resources: Resources) -> AbstractContextManager[Observer]:
        """Before the search, with the trials of an earlier command on record; entered while it runs."""

    def search_finished(self, result: SearchResult, *, is_new: bool) -> None:
        """The search is over. `is_new`: not an earlier command's."""

    def training(self, retraining: Retraining) -> AbstractContextManager[Callable[[Epoch], None]]:
        """Before a model is trained; entered while it is, and called after each epoch."""

    def training_finished(self, model: TrainedModel) -> None:
        """Before the test set is opened."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RunWork:
    """What a run is made of, and who follows it. The caller holds the run's lock. `factories` of Keras callbacks."""

    folder: RunFolder
    dataset: Dataset
    data: SearchData
    builder: ModelBuilder
    factories: tuple[CallbackFactory, ...] = ()
    observer: RunObserver
