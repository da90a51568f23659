"""Asynchronous successive halving of the stop type: who is behind at a rung stops (Li et al., MLSys 2020).

Every configuration is one training, without a pause and without rebuilding its model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import keras_tuner as kt

from tuning.oracles.base import UnrepeatedOracle
from tuning.records import SearchConfig
from tuning.settings import Objective

FACTOR = 3
"""About one in so many trials is promoted at a rung, to so many times the epochs."""


@dataclass(frozen=True, kw_only=True)
class StoppingRule:
    """When trials of up to `epochs` epochs may be stopped: after `min_epochs` and three, nine, … times as many.

    The best `never_stopped` at a rung go on whatever happens.
    """

    epochs: int
    min_epochs: int = 1
    never_stopped: int = 2

    @property
    def rungs(self) -> tuple[int, ...]:
        """The epochs after which a trial may stop; none if `min_epochs` are all that it gets."""
        rungs, rung = [], self.min_epochs
        while rung < self.epochs:
            rungs.append(rung)
            rung *= FACTOR
        return tuple(rungs)

    def goes_on(self, rank: float, reached: Sequence[float]) -> bool:
        """Whether `rank`, less is better, is good enough among all that reached the rung, itself included."""
        better = sum(other < rank for other in reached)
        return math.isfinite(rank) and better < max(len(reached) // FACTOR, self.never_stopped)


class HalvingOracle(UnrepeatedOracle):
    """Draws configurations at random, and stops a trial at a rung where it is not among the best third so far.

    Failed trials do not count there, and a trial that has no finite value there stops.
    """

    learns = True
    stops = True
    fewest_epochs = FACTOR**2

    def __init__(self, objective: Objective, *, seed: int, rule: StoppingRule) -> None:
        super().__init__(objective, seed=seed)
        self.rule = rule
        # For each rung, trial id → its value there as a rank, less is better.
        self._reached: dict[int, dict[str, float]] = {rung: {} for rung in rule.rungs}

    @classmethod
    def of(cls, config: SearchConfig, *, seed: int) -> Self:
        """Trials of up to `config.epochs` epochs may stop from `config.min_epochs` on."""
        epochs = config.epochs if config.epochs is not None else 1
        return cls(config.objective, seed=seed, rule=StoppingRule(epochs=epochs, min_epochs=config.min_epochs))

    @kt.synchronized
    def update_trial(self, trial_id: str, metrics: Mapping[str, float], step: int = 0) -> Any:
        """Keras Tuner's hook: the trial, with the status STOPPED if it is to end after `step` epochs."""
        trial = super().update_trial(trial_id, metrics, step=step)
        # Whoever asked may have let it go on all the same, until the next rung.
        trial.status = "RUNNING"
        if step in self._reached:
            value = metrics[self.objective.name]
            rank = self._reached[step][trial_id] = -value if self.objective.direction == "max" else value
            counting = [
                other
                for name, other in self._reached[step].items()
                if math.isfinite(other) and self.trials[name].status != "FAILED"
            ]
            if not self.rule.goes_on(rank, counting):
                trial.status = "STOPPED"
        return trial


ALGORITHM = HalvingOracle
