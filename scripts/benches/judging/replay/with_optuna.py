"""Optuna's samplers with its pruners, as `scripts/bench curves --oracle` takes them.

As its tutorial has it: every epoch is reported, and the trial ends where the pruner says so. Hyperband's pruner and
successive halving's are set to the table's epochs; everything else is Optuna's own choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optuna

from scripts.benches.judging.replay.asking import Choice, LibraryOracle
from tuning.settings import Objective, Value


class OptunaStudy:
    """A study, one trial after the other or several at a time."""

    def __init__(self, sampler: optuna.samplers.BaseSampler, pruner: optuna.pruners.BasePruner) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study = optuna.create_study(sampler=sampler, pruner=pruner)
        self._trials: dict[int, Any] = {}
        self._reported: dict[int, float] = {}
        self._pruned: set[int] = set()

    def ask(self, number: int, space: Sequence[Choice]) -> dict[str, Value]:
        trial = self._trials[number] = self._study.ask()
        return {choice.name: choice.values[_suggest(trial, choice)] for choice in space}

    def tell(self, number: int, epoch: int, value: float) -> bool:
        trial = self._trials[number]
        trial.report(value, epoch)
        self._reported[number] = value
        if trial.should_prune():
            self._pruned.add(number)
        return number not in self._pruned

    def end(self, number: int) -> None:
        trial, value = self._trials.pop(number), self._reported.get(number)
        if value is None:
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
        elif number in self._pruned:
            self._study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            self._study.tell(trial, value)


def _suggest(trial: Any, choice: Choice) -> int:
    """The place of the value."""
    most = len(choice.values) - 1
    if choice.is_ordered:
        return int(trial.suggest_int(choice.name, 0, most))
    return int(trial.suggest_categorical(choice.name, list(range(most + 1))))


def tpe(objective: Objective, seed: int, epochs: int) -> Any:
    """TPE with Hyperband's pruner, which Optuna's documentation has as the best with it."""
    return _oracle(objective, optuna.samplers.TPESampler(seed=seed), _hyperband(epochs))


def tpe_median(objective: Objective, seed: int, epochs: int) -> Any:
    """TPE with the median pruner, which are what a study has by itself."""
    return _oracle(objective, optuna.samplers.TPESampler(seed=seed), optuna.pruners.MedianPruner())


def gp(objective: Objective, seed: int, epochs: int) -> Any:
    """A Gaussian process with Hyperband's pruner; needs PyTorch."""
    return _oracle(objective, optuna.samplers.GPSampler(seed=seed), _hyperband(epochs))


def halving(objective: Objective, seed: int, epochs: int) -> Any:
    """Random configurations with the pruner of asynchronous successive halving."""
    pruner = optuna.pruners.SuccessiveHalvingPruner(reduction_factor=3)
    return _oracle(objective, optuna.samplers.RandomSampler(seed=seed), pruner)


def _hyperband(epochs: int) -> optuna.pruners.BasePruner:
    return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=epochs, reduction_factor=3)


def _oracle(objective: Objective, sampler: optuna.samplers.BaseSampler, pruner: optuna.pruners.BasePruner) -> Any:
    return LibraryOracle(OptunaStudy(sampler, pruner), objective)
