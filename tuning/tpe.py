"""Tree-structured Parzen estimators, Optuna's (Watanabe, 2023), as an oracle. The only module that imports Optuna."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import keras_tuner as kt

from tuning.errors import InputError
from tuning.sampling import Dimension
from tuning.seeds import derive_seed
from tuning.settings import Configuration, Objective, Value
from tuning.unrepeated import UnrepeatedOracle

try:
    import optuna
except ModuleNotFoundError as error:
    raise InputError(
        "tpe needs optuna: install it with pip install 'keras-tune-export[tpe]', or choose another --algorithm"
    ) from error

INITIAL_POINTS = 5
"""Random points before it models what it saw. Optuna's ten are half of a usual search."""


class TPEOracle(UnrepeatedOracle):
    """Proposes what is likelier among good results than among the others.

    Hyperparameters are modelled together, each group of those that are active together by itself. Running trials count
    as bad ones, so that proposals under way at once differ; failed ones do not count. A configuration that was there
    already is replaced by a new one drawn at random.
    """

    learns = True

    def __init__(
        self, space: kt.HyperParameters, objective: Objective, *, seed: int, known: Sequence[Configuration] = ()
    ) -> None:
        super().__init__(space, objective, seed=seed, known=known)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(direction="maximize" if objective.maximize else "minimize")
        self._numbers: dict[str, int] = {}
        self._open: set[str] = set()

    def suggest(self) -> dict[str, Any] | None:
        drawn = self.unseen()
        if drawn is None or len(self.completed()) < INITIAL_POINTS:
            return drawn
        self._catch_up()
        self._study.sampler = _sampler(derive_seed(self.seed, "tpe", len(self.trials)))
        asked = self._study.ask()
        values: dict[str, Any] = {}
        for number, dimension in enumerate(self.sampling.dimensions):
            if dimension.is_active(values):
                values[dimension.name] = _suggested(asked, str(number), dimension)
        # Optuna notes more of a trial that it was asked for than a journal holds: only `_catch_up` adds to the study.
        self._study.tell(asked, state=optuna.trial.TrialState.FAIL)
        return values if self.is_new(values) else drawn

    def _catch_up(self) -> None:
        """Add new trials to the study, and the results of those that have ended since."""
        for trial_id, trial in self.trials.items():
            if trial_id not in self._numbers:
                self._numbers[trial_id] = len(self._study.get_trials(deepcopy=False))
                self._study.add_trial(self._as_optuna(trial.hyperparameters.values))
                self._open.add(trial_id)
        for trial_id in sorted(self._open):
            trial = self.trials[trial_id]
            if trial.status == "COMPLETED":
                self._study.tell(self._numbers[trial_id], trial.score)
            elif trial.status == "FAILED":
                self._study.tell(self._numbers[trial_id], state=optuna.trial.TrialState.FAIL)
            if trial.status != "RUNNING":
                self._open.remove(trial_id)

    def _as_optuna(self, values: Configuration) -> Any:
        placed = {
            str(number): (_distribution(dimension), _coordinate(dimension, values[dimension.name]))
            for number, dimension in enumerate(self.sampling.dimensions)
            if any(dimension is active for active, _ in self.sampling.active(values)) and not _is_fixed(dimension)
        }
        return optuna.trial.create_trial(
            state=optuna.trial.TrialState.RUNNING,
            params={name: coordinate for name, (_, coordinate) in placed.items()},
            distributions={name: distribution for name, (distribution, _) in placed.items()},
        )


def _sampler(seed: int) -> Any:
    with warnings.catch_warnings():
        # Both options are years old and still called experimental.
        warnings.filterwarnings("ignore", message="Argument ``(multivariate|group|constant_liar)`` is an experimental")
        return optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=INITIAL_POINTS, multivariate=True, group=True, constant_liar=True
        )


def _is_fixed(dimension: Dimension) -> bool:
    return dimension.values is not None and len(dimension.values) == 1


def _distribution(dimension: Dimension) -> Any:
    """Optuna is told the number of a value, or where on its scale it lies: it lacks some of the scales."""
    if dimension.values is None or not dimension.is_even:
        return optuna.distributions.FloatDistribution(0.0, 1.0)
    if dimension.is_ordered:
        return optuna.distributions.IntDistribution(0, len(dimension.values) - 1)
    return optuna.distributions.CategoricalDistribution(tuple(range(len(dimension.values))))


def _coordinate(dimension: Dimension, value: Value) -> float | int:
    if dimension.values is None or not dimension.is_even:
        return dimension.fraction(value)
    return dimension.values.index(value)


def _suggested(asked: Any, name: str, dimension: Dimension) -> Value:
    if dimension.values is None or not dimension.is_even:
        return dimension.at(asked.suggest_float(name, 0.0, 1.0))
    numbers = range(len(dimension.values))
    if _is_fixed(dimension):
        number = 0
    elif dimension.is_ordered:
        number = asked.suggest_int(name, 0, numbers[-1])
    else:
        number = asked.suggest_categorical(name, tuple(numbers))
    return dimension.values[number]
