"""Keras Tuner's Bayesian optimization without its repetitions, its values out of range and most of its time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras_tuner as kt
import numpy as np

from tuning.seeds import derive_seed
from tuning.settings import Configuration, Objective, Value
from tuning.unrepeated import UnrepeatedOracle

INITIAL_POINTS = 4
"""Random points before it models what it saw. Keras Tuner's three for each hyperparameter outlast a search."""

_ANYWHERE, _NEARBY = 1000, 500
_DISTANCE = 0.1


class BayesianOracle(UnrepeatedOracle, kt.oracles.BayesianOptimizationOracle):
    """Keras Tuner's Gaussian process over the results, and the new configuration with its lowest confidence bound.

    That is looked for among configurations drawn everywhere and near the best one. Keras Tuner follows the bound
    through a continuous space, which takes from half a second to many, and rounds only then: to what was there already,
    or to what lies out of range. A running trial counts with the mean of the results, so that what is proposed in the
    meantime lies elsewhere; failed ones do not count.
    """

    learns = True

    def __init__(
        self, space: kt.HyperParameters, objective: Objective, *, seed: int, known: Sequence[Configuration] = ()
    ) -> None:
        super().__init__(space, objective, seed=seed, known=known)
        self._searched = [
            dimension for dimension in self.sampling.dimensions if dimension.values is None or len(dimension.values) > 1
        ]

    def suggest(self) -> dict[str, Any] | None:
        drawn = self.unseen()
        completed = self.completed()
        if drawn is None or not self._searched or len(completed) < INITIAL_POINTS:
            return drawn
        best = min(completed, key=self.rank)
        candidates = self._candidates(self._fractions(best.hyperparameters.values))
        if not candidates:
            return drawn
        model = self._make_gpr()
        model.fit(*self._seen())
        mean, deviation = model.predict(np.array([self._fractions(values) for values in candidates]), return_std=True)
        return candidates[int(np.argmin(mean - self.beta * deviation))]

    def _candidates(self, center: Sequence[float]) -> list[dict[str, Value]]:
        """New configurations, most of them from anywhere, the others near `center`, shape (hyperparameters,)."""
        chance = np.random.default_rng(derive_seed(self.seed, "candidates", len(self.trials)))
        anywhere = chance.uniform(size=(_ANYWHERE, len(center)))
        nearby = np.clip(chance.normal(center, _DISTANCE, size=(_NEARBY, len(center))), 0.0, 1.0)
        return list(filter(self.is_new, map(self._at, [*anywhere.tolist(), *nearby.tolist()])))

    def _seen(self) -> tuple[Any, Any]:
        """Trials as fractions, shape (trials, hyperparameters), and what they are ranked by, shape (trials,)."""
        completed, running = self.completed(), self.running()
        ranks = [self.rank(trial) for trial in completed]
        points = [self._fractions(trial.hyperparameters.values) for trial in (*completed, *running)]
        return np.array(points), np.array([*ranks, *[np.mean(ranks)] * len(running)])

    def _fractions(self, values: Configuration) -> list[float]:
        active = {id(dimension) for dimension, _ in self.sampling.active(values)}
        return [
            dimension.fraction(values[dimension.name]) if id(dimension) in active else 0.5
            for dimension in self._searched
        ]

    def _at(self, fractions: Sequence[float]) -> dict[str, Value]:
        placed = {id(dimension): fraction for dimension, fraction in zip(self._searched, fractions, strict=True)}
        values: dict[str, Value] = {}
        for dimension in self.sampling.dimensions:
            if dimension.is_active(values):
                values[dimension.name] = dimension.at(placed.get(id(dimension), 0.5))
        return values
