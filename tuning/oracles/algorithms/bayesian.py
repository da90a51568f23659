"""Keras Tuner's Bayesian optimization without its repetitions, its values out of range and most of its time."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from typing import Any

import keras_tuner as kt
import numpy as np

from tuning.oracles.base import UnrepeatedOracle
from tuning.seeds import derive_seed
from tuning.settings import Configuration, Objective, Value
from tuning.space.distance import Scale, is_number, observed_scales
from tuning.space.drawing import Drawing
from tuning.space.ranges import Range

INITIAL_POINTS = 4
"""Random points before it models what it saw. Keras Tuner's three for each hyperparameter outlast a search."""

_ANYWHERE, _NEARBY = 1000, 500
_DISTANCE = 0.1
_ABSENT = 0.5


class BayesianOracle(UnrepeatedOracle, kt.oracles.BayesianOptimizationOracle):
    """Keras Tuner's Gaussian process over the results, and the new configuration with its lowest confidence bound.

    That is looked for among configurations drawn everywhere and near the best one, as far as the space is known. Keras
    Tuner follows the bound through a continuous space, which takes from half a second to many, and rounds only then: to
    what was there already, or to what lies out of range. A running trial counts with the mean of the results, so that
    what is proposed in the meantime lies elsewhere; failed ones do not count.
    """

    learns = True
    is_slow = True

    def __init__(self, objective: Objective, *, seed: int) -> None:
        super().__init__(objective, seed=seed)

    def drawing(self) -> Drawing | None:
        drawing = super().drawing()
        completed = self.list_completed()
        if drawing is None or len(completed) < INITIAL_POINTS:
            return drawing
        candidates = self._candidates(self._values(min(completed, key=self.rank)))
        if not candidates:
            return drawing
        seen = [self._values(trial) for trial in (*completed, *self.running())]
        ranks = [self.rank(trial) for trial in completed]
        model = self._make_gpr()
        columns = _Columns([*seen, *candidates])
        model.fit(columns.places(seen), np.array([*ranks, *[np.mean(ranks)] * (len(seen) - len(ranks))]))
        mean, deviation = model.predict(columns.places(candidates), return_std=True)
        return dataclasses.replace(drawing, wanted=candidates[int(np.argmin(mean - self.beta * deviation))])

    def _values(self, trial: Any) -> Configuration:
        return self.points[trial.trial_id].values

    def _candidates(self, best: Configuration) -> list[Configuration]:
        """New configurations, most of them from anywhere, the others near `best`."""
        chance = random.Random(derive_seed(self.seed, "candidates", len(self.space)))

        def anywhere(name: str, domain: Range) -> Value:
            return domain.at(chance.random())

        def nearby(name: str, domain: Range) -> Value:
            if name not in best or not domain.contains(best[name]):
                return anywhere(name, domain)
            return domain.at(min(max(chance.gauss(domain.fraction(best[name]), _DISTANCE), 0.0), 1.0))

        found = [self.space.sample(choose) for choose in [anywhere] * _ANYWHERE + [nearby] * _NEARBY]
        return [values for values in found if not self.space.is_taken(values)]


ALGORITHM = BayesianOracle


class _Columns:
    """Configurations as points of a cube: a number by its place among all, a word by its number, half-way if absent."""

    def __init__(self, configurations: Sequence[Configuration]) -> None:
        names = dict.fromkeys(name for values in configurations for name in values)
        self._scales = observed_scales(configurations)
        self._words = {
            name: sorted({repr(values[name]) for values in configurations if name in values})
            for name in names
            if name not in self._scales
        }

    def places(self, configurations: Sequence[Configuration]) -> np.ndarray:
        """(configurations, hyperparameters that vary), each 0 to 1."""
        scales = {name: scale for name, scale in self._scales.items() if scale.low < scale.high}
        words = {name: known for name, known in self._words.items() if len(known) > 1}
        rows = [
            [
                *(_place(scale, values.get(name)) for name, scale in scales.items()),
                *(
                    (known.index(repr(values[name])) + 0.5) / len(known) if name in values else _ABSENT
                    for name, known in words.items()
                ),
            ]
            for values in configurations
        ]
        return np.array(rows, dtype=float).reshape(len(configurations), len(scales) + len(words))


def _place(scale: Scale, value: Value | None) -> float:
    return scale.place(float(value)) if value is not None and is_number(value) else _ABSENT
