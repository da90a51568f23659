"""A library that is asked for configurations and told of their epochs, as a `kt.Oracle`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import keras_tuner as kt

from tuning.settings import Objective, Value


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One hyperparameter of a table: the values that occur. `is_ordered`: they are numbers, smallest first."""

    name: str
    values: Sequence[Value]
    is_ordered: bool


class Library(Protocol):
    """A search of another library. Trials are numbered from 0, epochs from 1; less is better."""

    def ask(self, number: int, space: Sequence[Choice]) -> dict[str, Value]:
        """The configuration of that trial."""

    def tell(self, number: int, epoch: int, value: float) -> bool:
        """Let it know what a trial had after an epoch; False if the trial is to end there."""

    def end(self, number: int) -> None:
        """Let it know that the trial has ended."""


class LibraryOracle(kt.Oracle):
    """Every trial is the next one that the library is asked for."""

    def __init__(self, library: Library, objective: Objective) -> None:
        super().__init__(objective=kt.Objective(objective.name, objective.direction), max_trials=None)
        self._library = library
        self._numbers: dict[str, int] = {}

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Keras Tuner's hook: what the trial is to try."""
        number = self._numbers[trial_id] = len(self._numbers)
        space = [
            # What has one value is fixed for Keras Tuner.
            Choice(name=each.name, values=list(each.values), is_ordered=getattr(each, "ordered", False))
            for each in self.get_space().space
        ]
        return {"status": "RUNNING", "values": self._library.ask(number, space)}

    @kt.synchronized
    def update_trial(self, trial_id: str, metrics: Any, step: int = 0) -> Any:
        """Keras Tuner's hook: the trial, with the status STOPPED if it is to end after `step` epochs."""
        trial = super().update_trial(trial_id, metrics, step=step)
        if step and not self._library.tell(self._numbers[trial_id], step, float(metrics[self.objective.name])):
            trial.status = "STOPPED"
        return trial

    @kt.synchronized
    def end_trial(self, trial: Any) -> None:
        """Keras Tuner's hook."""
        super().end_trial(trial)
        self._library.end(self._numbers[trial.trial_id])
