"""Keras Tuner's own oracles, as `scripts/bench curves --oracle` takes them: of an objective, a seed and the epochs."""

from __future__ import annotations

from typing import Any

import keras_tuner as kt

from tuning.settings import Objective

MOST_TRIALS = 10_000


def random(objective: Objective, seed: int, epochs: int) -> Any:
    """That of `kt.RandomSearch`."""
    return kt.oracles.RandomSearchOracle(objective=_named(objective), max_trials=MOST_TRIALS, seed=seed)


def bayesian(objective: Objective, seed: int, epochs: int) -> Any:
    """That of `kt.BayesianOptimization`."""
    return kt.oracles.BayesianOptimizationOracle(objective=_named(objective), max_trials=MOST_TRIALS, seed=seed)


def hyperband(objective: Objective, seed: int, epochs: int) -> Any:
    """That of `kt.Hyperband`."""
    return kt.oracles.HyperbandOracle(
        objective=_named(objective), max_epochs=epochs, hyperband_iterations=MOST_TRIALS, seed=seed
    )


def _named(objective: Objective) -> kt.Objective:
    return kt.Objective(objective.name, objective.direction)
