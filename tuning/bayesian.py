"""Keras Tuner's Bayesian optimization, without its repetitions and without values outside their range."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras_tuner as kt
import numpy as np

from tuning.sampling import Dimension
from tuning.seeds import derive_seed
from tuning.settings import Configuration, Objective
from tuning.unrepeated import UnrepeatedOracle

INITIAL_POINTS = 4
"""Random points before it models what it saw. Keras Tuner's three for each hyperparameter outlast a search."""


class BayesianOracle(UnrepeatedOracle, kt.oracles.BayesianOptimizationOracle):
    """A Gaussian process over the results, and the configuration with the lowest confidence bound.

    A suggestion takes from half a second to many. Where the bound is lowest at a configuration that was there already,
    a new one is drawn at random. A running trial counts with the mean of the results, so that what is proposed in the
    meantime lies elsewhere; failed ones do not count.
    """

    def __init__(
        self, space: kt.HyperParameters, objective: Objective, *, seed: int, known: Sequence[Configuration] = ()
    ) -> None:
        super().__init__(space, objective, seed=seed, known=known)
        self.num_initial_points = INITIAL_POINTS
        self._searched = [
            dimension for dimension in self.sampling.dimensions if dimension.values is None or len(dimension.values) > 1
        ]

    def suggest(self) -> dict[str, Any] | None:
        drawn = self.unseen()
        if drawn is None or not self._searched or len(self.completed()) < self.num_initial_points:
            return drawn
        # Both are changed by a suggestion: a fresh pair makes it a function of the trials alone.
        self._random_state = np.random.RandomState(derive_seed(self.seed, "restarts", len(self.trials)))
        self.gpr = self._make_gpr()
        values: dict[str, Any] = kt.oracles.BayesianOptimizationOracle.populate_space(self, "")["values"]
        return values if self.is_new(values) else drawn

    def _vectorize_trials(self) -> tuple[Any, Any]:
        """Keras Tuner's hook: points as fractions, shape (trials, hyperparameters), and ranks, shape (trials,)."""
        completed, running = self.completed(), self.running()
        ranks = [self.rank(trial) for trial in completed]
        points = [self._vector(trial.hyperparameters.values) for trial in (*completed, *running)]
        return np.array(points), np.array([*ranks, *[np.mean(ranks)] * len(running)])

    def _vector(self, values: Configuration) -> list[float]:
        active = [dimension for dimension, _ in self.sampling.active(values)]
        return [
            dimension.fraction(values[dimension.name]) if dimension in active else 0.5 for dimension in self._searched
        ]

    def _vector_to_values(self, vector: Sequence[float]) -> dict[str, Any]:
        """Keras Tuner's hook: the configuration at a point."""
        fractions = dict(zip(map(id, self._searched), vector, strict=True))
        values: dict[str, Any] = {}
        for dimension in self.sampling.dimensions:
            if dimension.is_active(values):
                values[dimension.name] = dimension.at(float(fractions.get(id(dimension), 0.5)))
        return values

    def _nonfixed_space(self) -> list[Dimension]:
        """Keras Tuner's hook: what has a coordinate."""
        return self._searched
