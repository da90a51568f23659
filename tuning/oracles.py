"""Which configuration next: Keras Tuner's oracles by name, driven from outside its own tuners."""

from __future__ import annotations

import tempfile
import warnings
from dataclasses import dataclass
from typing import Any

import keras_tuner as kt
from keras_tuner.oracles import (
    BayesianOptimizationOracle,
    GridSearchOracle,
    HyperbandOracle,
    RandomSearchOracle,
)

from tuning.errors import InputError
from tuning.records import ALGORITHMS, SearchConfig, TrialRecord
from tuning.seeds import derive_seed
from tuning.settings import Configuration, Objective, Value

INITIAL_POINTS = 4
"""Random points before `bayesian` models what it saw. Keras Tuner's three for each hyperparameter outlast a search."""

_TUNER_ID = "search"
_NEVER = 2**31


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What an oracle wants tried. `epochs` None: as many as the search gives every trial.

    `oracle_id` is the oracle's name for it; `parent`, if not empty, the one of the proposal that it continues after
    `initial_epoch` epochs.
    """

    oracle_id: str
    hyperparameters: Configuration
    epochs: int | None = None
    initial_epoch: int = 0
    parent: str = ""


def make_oracle(config: SearchConfig, space: kt.HyperParameters) -> kt.Oracle:
    """The oracle that `config.algorithm` names, over `space`, or the one that it is. Raises InputError otherwise.

    Hyperband (Li et al., JMLR 2018) gives `config.epochs` to its best configurations; the others leave them to the
    caller. It starts over when its brackets are through; whoever asks says when there were enough.
    """
    algorithm = config.algorithm
    if isinstance(algorithm, kt.Oracle):
        algorithm.update_space(space)
        return algorithm
    shared = {
        "objective": kt.Objective(config.objective.name, config.objective.direction),
        "hyperparameters": space,
        "seed": derive_seed(config.seed, "oracle"),
        "allow_new_entries": False,
        "max_consecutive_failed_trials": _NEVER,
    }
    match algorithm:
        case "random":
            return RandomSearchOracle(max_trials=None, **shared)
        case "bayesian":
            return BayesianOptimizationOracle(max_trials=None, num_initial_points=INITIAL_POINTS, **shared)
        case "hyperband":
            return HyperbandOracle(max_epochs=config.epochs, hyperband_iterations=None, **shared)
        case "grid":
            return GridSearchOracle(max_trials=None, **shared)
    raise InputError(f"unknown algorithm {algorithm}: choose one of {', '.join(ALGORITHMS)}")


class OracleDriver:
    """Asks a `kt.Oracle` for proposals and tells it the results.

    The same calls in the same order on a fresh oracle of the same seed give the same proposals, so a driver needs no
    state of its own on disk. Keras Tuner writes some all the same; that goes to a temporary folder.
    """

    def __init__(self, oracle: kt.Oracle) -> None:
        self._oracle = oracle
        self._oracle.verbose = 0
        # An oracle of the caller's own may stop at three failures, which Keras Tuner raises in the midst of a search.
        self._oracle.max_consecutive_failed_trials = _NEVER
        self._scratch = tempfile.TemporaryDirectory(prefix="oracle-")
        self._oracle._set_project_dir(self._scratch.name, "search")

    @property
    def objective(self) -> Objective:
        """What the oracle is told. Raises InputError for an oracle with several objectives or none."""
        objective = self._oracle.objective
        if type(objective) is not kt.Objective:
            raise InputError(
                f"the oracle's objective must be one metric, like kt.Objective('val_loss', 'min'), got {objective}"
            )
        return Objective(name=objective.name, maximize=objective.direction == "max")

    @property
    def can_continue_trials(self) -> bool:
        """Whether a proposal can build on an earlier one's weights, so that they have to be kept."""
        return isinstance(self._oracle, HyperbandOracle)

    def propose(self) -> Proposal | None:
        """The next proposal, or None when the oracle has no more."""
        with warnings.catch_warnings():
            # The Gaussian process behind `bayesian` says so of fits that are good enough to go on with.
            warnings.filterwarnings("ignore", message="lbfgs failed to converge|The optimal value found for dimension")
            trial = self._oracle.create_trial(_TUNER_ID)
        if trial.status != "RUNNING":
            return None
        values = dict(trial.hyperparameters.values)
        epochs = values.pop("tuner/epochs", None)
        initial_epoch = values.pop("tuner/initial_epoch", 0)
        parent = values.pop("tuner/trial_id", "")
        values = {name: _plain(value) for name, value in values.items() if not name.startswith("tuner/")}
        return Proposal(
            oracle_id=trial.trial_id,
            hyperparameters=values,
            epochs=epochs,
            initial_epoch=initial_epoch,
            parent=parent,
        )

    def tell(self, oracle_id: str, result: TrialRecord) -> None:
        """Report how the proposal ended."""
        trial = self._oracle.trials[oracle_id]
        if result.has_result:
            objective = self.objective
            self._oracle.update_trial(oracle_id, {objective.name: objective.rank(result.rank)})
            trial.status = "COMPLETED"
        else:
            trial.status = "INVALID"
            trial.message = result.reason
        self._oracle.end_trial(trial)

    def close(self) -> None:
        """Remove what the oracle wrote."""
        self._scratch.cleanup()


def _plain(value: Any) -> Value:
    """The Python value of a number that an oracle computed with numpy."""
    plain: Value = value.item() if hasattr(value, "item") else value
    return plain
