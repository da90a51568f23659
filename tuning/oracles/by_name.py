"""Oracles by their names."""

from __future__ import annotations

import keras_tuner as kt

from tuning.errors import InputError
from tuning.oracles.base import GridOracle, RandomOracle
from tuning.oracles.bayesian import BayesianOracle
from tuning.oracles.halving import HalvingOracle, StoppingRule
from tuning.oracles.hyperband import HyperbandOracle
from tuning.records import ALGORITHMS, SearchConfig
from tuning.seeds import derive_seed


def make_oracle(config: SearchConfig) -> kt.Oracle:
    """The oracle that `config.algorithm` names, or the one that it is.

    `hyperband` and `halving` train a configuration for `config.epochs` at most. Raises InputError for an unknown name,
    and for `tpe` without Optuna.
    """
    algorithm = config.algorithm
    if isinstance(algorithm, kt.Oracle):
        return algorithm
    epochs = config.epochs if config.epochs is not None else 1
    objective, seed = config.objective, derive_seed(config.seed, "oracle")
    match algorithm:
        case "random":
            return RandomOracle(objective, seed=seed)
        case "bayesian":
            return BayesianOracle(objective, seed=seed)
        case "tpe":
            # Optuna is an optional package.
            from tuning.oracles.tpe import TPEOracle

            return TPEOracle(objective, seed=seed)
        case "hyperband":
            return HyperbandOracle(objective, seed=seed, epochs=epochs)
        case "halving":
            return HalvingOracle(objective, seed=seed, rule=StoppingRule(epochs=epochs, min_epochs=config.min_epochs))
        case "grid":
            return GridOracle(objective, seed=seed)
    raise InputError(f"unknown algorithm {algorithm}: choose one of {', '.join(ALGORITHMS)}")
