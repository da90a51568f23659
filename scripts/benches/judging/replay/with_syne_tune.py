"""Syne Tune's schedulers, where that is installed, as `scripts/bench curves --oracle` takes them.

All are of the kind that stops: a trial that was ended is not taken up again.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Any

from syne_tune.backend.trial_status import Trial
from syne_tune.config_space import choice as any_of
from syne_tune.config_space import ordinal
from syne_tune.optimizer.baselines import ASHA, ASHACQR, BOHB
from syne_tune.optimizer.scheduler import SchedulerDecision

from scripts.benches.judging.replay.asking import Choice, LibraryOracle
from tuning.settings import Objective, Value

_METRIC, _EPOCH = "value", "epoch"


class SyneTuneScheduler:
    """A scheduler, made when the space is known."""

    def __init__(self, make: Callable[[dict[str, Any]], Any]) -> None:
        self._make = make
        self._scheduler: Any = None
        self._trials: dict[int, Trial] = {}
        self._latest: dict[int, dict[str, Any]] = {}
        self._stopped: set[int] = set()

    def ask(self, number: int, space: Sequence[Choice]) -> dict[str, Value]:
        if self._scheduler is None:
            self._scheduler = self._make({choice.name: _domain(choice) for choice in space})
        suggestion = self._scheduler.suggest()
        trial = Trial(trial_id=number, config=suggestion.config, creation_time=datetime.datetime.now(datetime.UTC))
        self._trials[number] = trial
        self._scheduler.on_trial_add(trial)
        return {choice.name: suggestion.config[choice.name] for choice in space}

    def tell(self, number: int, epoch: int, value: float) -> bool:
        self._latest[number] = {_METRIC: value, _EPOCH: epoch}
        decision = self._scheduler.on_trial_result(self._trials[number], self._latest[number])
        if decision != SchedulerDecision.CONTINUE:
            self._stopped.add(number)
        return number not in self._stopped

    def end(self, number: int) -> None:
        trial = self._trials.pop(number)
        if number in self._latest and number not in self._stopped:
            self._scheduler.on_trial_complete(trial, self._latest[number])


def _domain(choice: Choice) -> Any:
    return ordinal(list(choice.values)) if choice.is_ordered else any_of(list(choice.values))


def asha(objective: Objective, seed: int, epochs: int) -> Any:
    """Asynchronous successive halving with random configurations."""
    return _oracle(ASHA, objective, seed, epochs)


def bohb(objective: Objective, seed: int, epochs: int) -> Any:
    """The same with configurations of a kernel density estimate (Falkner, Klein and Hutter, ICML 2018)."""
    return _oracle(BOHB, objective, seed, epochs)


def cqr(objective: Objective, seed: int, epochs: int) -> Any:
    """The same with conformal quantile regression (Salinas et al., ICML 2023)."""
    return _oracle(ASHACQR, objective, seed, epochs)


def _oracle(scheduler: Any, objective: Objective, seed: int, epochs: int) -> Any:
    def make(space: dict[str, Any]) -> Any:
        return scheduler(
            config_space=space, metric=_METRIC, time_attr=_EPOCH, max_t=epochs, grace_period=1, random_seed=seed
        )

    return LibraryOracle(SyneTuneScheduler(make), objective)
