"""Tree-structured Parzen estimators, Optuna's (Watanabe, 2023), as an oracle. The only module that imports Optuna."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

from tuning.errors import InputError
from tuning.oracles.base import UnrepeatedOracle
from tuning.seeds import derive_seed
from tuning.settings import Objective, Value
from tuning.space.drawing import Drawing
from tuning.space.points import Point
from tuning.space.ranges import Choices, FloatRange, IntRange, Range, is_fixed

try:
    import optuna
except ModuleNotFoundError as error:
    raise InputError("tpe needs optuna: install it with pip install optuna, or choose another `algorithm`") from error

INITIAL_POINTS = 5
"""Random points before it models what it saw. Optuna's ten are half of a usual search."""


class TPEOracle(UnrepeatedOracle):
    """Proposes what is likelier among good results than among the others.

    Hyperparameters are modelled together, each group of those that are active together by itself. Running trials count
    as bad ones, so that proposals under way at once differ; failed ones do not count. A configuration that was there
    already is replaced by a new one drawn at random.
    """

    learns = True

    def __init__(self, objective: Objective, *, seed: int) -> None:
        super().__init__(objective, seed=seed)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(direction="maximize" if objective.maximize else "minimize")
        self._numbers: dict[str, int] = {}
        self._open: set[str] = set()

    def drawing(self) -> Drawing | None:
        drawing = super().drawing()
        if drawing is None or len(self.list_completed()) < INITIAL_POINTS:
            return drawing
        self._catch_up()
        self._study.sampler = _sampler(derive_seed(self.seed, "tpe", len(self.space)))
        asked = self._study.ask()
        wanted = self.space.sample(lambda name, domain: _suggest(asked, name, domain))
        # Optuna notes more of a trial that it was asked for than a journal holds: only `_catch_up` adds to the study.
        self._study.tell(asked, state=optuna.trial.TrialState.FAIL)
        return dataclasses.replace(drawing, wanted=wanted)

    def _catch_up(self) -> None:
        """Add new trials to the study, and the results of those that have ended since."""
        for trial_id in self.trials:
            if trial_id not in self._numbers:
                self._numbers[trial_id] = len(self._study.get_trials(deepcopy=False))
                self._study.add_trial(self._as_optuna(self.points[trial_id]))
                self._open.add(trial_id)
        for trial_id in sorted(self._open):
            trial = self.trials[trial_id]
            if trial.status == "COMPLETED":
                self._study.tell(self._numbers[trial_id], trial.score)
            elif trial.status == "FAILED":
                self._study.tell(self._numbers[trial_id], state=optuna.trial.TrialState.FAIL)
            if trial.status != "RUNNING":
                self._open.remove(trial_id)

    def _as_optuna(self, point: Point) -> Any:
        placed = {}
        for name, domain in point.ranges.items():
            if not is_fixed(domain):
                distribution = _distribution(domain)
                placed[_parameter(name, distribution)] = distribution, _coordinate(domain, point.values[name])
        return optuna.trial.create_trial(
            state=optuna.trial.TrialState.RUNNING,
            params={name: coordinate for name, (_, coordinate) in placed.items()},
            distributions={name: distribution for name, (distribution, _) in placed.items()},
        )


ALGORITHM = TPEOracle


def _sampler(seed: int) -> Any:
    with warnings.catch_warnings():
        # Both options are years old and still called experimental.
        warnings.filterwarnings("ignore", message="Argument ``(multivariate|group|constant_liar)`` is an experimental")
        return optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=INITIAL_POINTS, multivariate=True, group=True, constant_liar=True
        )


def _distribution(domain: Range) -> Any:
    """Optuna gets the number of a value, or where on its scale it lies: it lacks some of the scales."""
    if isinstance(domain, FloatRange) and domain.step is None:
        return optuna.distributions.FloatDistribution(0.0, 1.0)
    if isinstance(domain, IntRange) and domain.step == 1:
        return optuna.distributions.FloatDistribution(0.0, 1.0)
    last = len(domain.list_values()) - 1
    if isinstance(domain, Choices) and not domain.is_ordered:
        return optuna.distributions.CategoricalDistribution(tuple(range(last + 1)))
    return optuna.distributions.IntDistribution(0, last)


def _parameter(name: str, distribution: Any) -> str:
    """Optuna knows one distribution of a name; a range may depend on other values."""
    return f"{name} {distribution}"


def _coordinate(domain: Range, value: Value) -> float | int:
    place = min(max(domain.fraction(value), 0.0), 1.0)
    if isinstance(_distribution(domain), optuna.distributions.FloatDistribution):
        return place
    # A value's place is the middle of its share.
    return round(place * len(domain.list_values()) - 0.5)


def _suggest(asked: Any, name: str, domain: Range) -> Value:
    if is_fixed(domain):
        return domain.list_values()[0]
    distribution = _distribution(domain)
    parameter = _parameter(name, distribution)
    if isinstance(distribution, optuna.distributions.FloatDistribution):
        return domain.at(asked.suggest_float(parameter, 0.0, 1.0))
    if isinstance(distribution, optuna.distributions.CategoricalDistribution):
        number: int = asked.suggest_categorical(parameter, distribution.choices)
    else:
        number = asked.suggest_int(parameter, 0, distribution.high)
    return domain.list_values()[number]
