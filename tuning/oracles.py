"""Which configuration next, and which trial to stop: oracles by name, driven from outside Keras Tuner's own tuners."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import keras_tuner as kt
from keras_tuner.src.engine import oracle as engine

from tuning.bayesian import BayesianOracle
from tuning.errors import InputError
from tuning.halving import HalvingOracle, StoppingRule
from tuning.hyperband import HyperbandOracle
from tuning.records import ALGORITHMS, SearchConfig, TrialRecord
from tuning.seeds import derive_seed
from tuning.settings import Configuration, Objective, Value
from tuning.unrepeated import EARLIER_TRIAL, EPOCHS, GridOracle, RandomOracle, UnrepeatedOracle

_NEVER = 2**31


class Waiting(Enum):
    """The answer of an oracle that can't say what comes next before another trial has ended."""

    WAITING = "waiting"


WAITING: Final = Waiting.WAITING


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What an oracle wants tried. `oracle_id` is the oracle's name for it.

    `epochs`: train up to so many in all; None: as many as the search gives every trial. `continues`, if not empty, is
    the `oracle_id` of the proposal whose trial goes on from where it paused.
    """

    oracle_id: str
    hyperparameters: Configuration
    epochs: int | None = None
    continues: str = ""


def make_oracle(config: SearchConfig, space: kt.HyperParameters, *, known: Sequence[Configuration] = ()) -> kt.Oracle:
    """The oracle that `config.algorithm` names, over `space`, or the one that it is.

    `known`: configurations that none of ours proposes. `hyperband` and `halving` train a configuration for
    `config.epochs` at most. Raises InputError for an unknown name, and for `tpe` without Optuna.
    """
    algorithm = config.algorithm
    if isinstance(algorithm, kt.Oracle):
        algorithm.update_space(space)
        return algorithm
    epochs = config.epochs if config.epochs is not None else 1
    shared: dict[str, Any] = {"seed": derive_seed(config.seed, "oracle"), "known": known}
    match algorithm:
        case "random":
            return RandomOracle(space, config.objective, **shared)
        case "bayesian":
            return BayesianOracle(space, config.objective, **shared)
        case "tpe":
            # Optuna is an optional package.
            from tuning.tpe import TPEOracle

            return TPEOracle(space, config.objective, **shared)
        case "hyperband":
            return HyperbandOracle(space, config.objective, epochs=epochs, **shared)
        case "halving":
            rule = StoppingRule(epochs=epochs, min_epochs=config.min_epochs)
            return HalvingOracle(space, config.objective, rule=rule, **shared)
        case "grid":
            return GridOracle(space, config.objective, **shared)
    raise InputError(f"unknown algorithm {algorithm}: choose one of {', '.join(ALGORITHMS)}")


class OracleDriver:
    """Asks a `kt.Oracle` for proposals, any number of them before the first result, and tells it what came of them.

    The same calls in the same order on a fresh oracle of the same seed give the same proposals, so a driver needs no
    state of its own on disk, and Keras Tuner's is not written.
    """

    def __init__(self, oracle: kt.Oracle) -> None:
        self._oracle = oracle
        oracle.verbose = 0
        # An oracle of the caller's own may stop at three failures, which Keras Tuner raises in the midst of a search,
        # or have a failed trial trained again, whose result would replace the first one's.
        oracle.max_consecutive_failed_trials = _NEVER
        oracle.max_retries_per_trial = 0
        oracle.save = lambda *_: None
        oracle._save_trial = lambda *_: None
        self._scratch = tempfile.TemporaryDirectory(prefix="oracle-")
        oracle._set_project_dir(self._scratch.name, "search")
        self._asked = 0

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
    def judges(self) -> bool:
        """Whether it may want a trial stopped before its end."""
        return type(self._oracle).update_trial is not kt.Oracle.update_trial

    @property
    def is_slow(self) -> bool:
        """Whether a suggestion takes seconds."""
        return isinstance(self._oracle, kt.oracles.BayesianOptimizationOracle)

    @property
    def pauses(self) -> bool:
        """Whether a proposal can continue an earlier one's trial, so that what it had learned has to be kept."""
        return isinstance(self._oracle, HyperbandOracle | kt.oracles.HyperbandOracle)

    def learns_from(self, configuration: Configuration) -> bool:
        """Whether it can adopt a configuration that it did not propose, and would make use of how that ended."""
        oracle = self._oracle
        return isinstance(oracle, UnrepeatedOracle) and oracle.learns and oracle.sampling.contains(configuration)

    @property
    def next_id(self) -> str:
        """What the oracle will call its next proposal."""
        return f"{len(self._oracle.trials):04d}"

    def propose(self, *, new: bool = True) -> Proposal | Waiting | None:
        """The next proposal, WAITING if it depends on a result that is not there yet, or None if there is no more.

        `new` False: only the continuation of an earlier one, of which oracles that are the caller's own have none.
        """
        if not new and not isinstance(self._oracle, HyperbandOracle):
            return None
        if isinstance(self._oracle, HyperbandOracle):
            self._oracle.draws = new
        with self._calling():
            trial = self._oracle.create_trial(self._tuner_id())
        if trial.status == "IDLE":
            return WAITING
        return _proposal(trial) if trial.status == "RUNNING" else None

    def continuable(self, oracle_ids: Iterable[str]) -> set[str]:
        """Those of the proposals, which ended, that a later one may continue."""
        if isinstance(self._oracle, HyperbandOracle):
            return self._oracle.promotable().intersection(oracle_ids)
        return set(oracle_ids) if self.pauses else set()

    def adopt(self, oracle_id: str, configuration: Configuration, epochs: int | None, continues: str) -> None:
        """Take a proposal from a journal as if it had just been made; an oracle of ours computes nothing for it.

        Raises InputError if the oracle can't have made it, or, where it is the caller's own, makes another one.
        """
        recorded = Proposal(
            oracle_id=oracle_id, hyperparameters=dict(configuration), epochs=epochs, continues=continues
        )
        made = self._adopted(recorded) if isinstance(self._oracle, UnrepeatedOracle) else self.propose()
        # The journal holds the epochs of every trial, an oracle names them only where it decides on them.
        if isinstance(made, Proposal) and made.epochs is None:
            recorded = Proposal(**{**recorded.__dict__, "epochs": None})
        if made != recorded:
            raise InputError(
                f"the journal's configuration {dict(configuration)} is not what this oracle suggests there: it was "
                "written with other settings or library versions; start a new run"
            )

    def report(self, oracle_id: str, number: int, value: float | None) -> bool:
        """Say that the objective had `value`, None for none, after `number` epochs in all. False: stop the trial."""
        given = value if value is not None else float("nan")
        with self._calling():
            trial = self._oracle.update_trial(oracle_id, {self.objective.name: given}, step=number)
        return bool(trial.status != "STOPPED")

    def tell(self, oracle_id: str, result: TrialRecord) -> None:
        """Say how the proposal ended."""
        trial = self._oracle.trials[oracle_id]
        with self._calling():
            if result.has_result:
                objective = self.objective
                # Keras Tuner scores a trial by the best of its epochs; its result is that of the weights it kept.
                trial.metrics.metrics.pop(objective.name, None)
                self._oracle.update_trial(oracle_id, {objective.name: objective.rank(result.rank)})
                trial.status = "COMPLETED"
            else:
                trial.status = "INVALID"
                trial.message = result.reason
            self._oracle.end_trial(trial)

    def close(self) -> None:
        """Remove what the oracle wrote, and Keras Tuner's hold on it."""
        self._scratch.cleanup()
        engine.LOCKS.pop(self._oracle, None)
        engine.THREADS.pop(self._oracle, None)

    def _tuner_id(self) -> str:
        # Keras Tuner gives a tuner that has a trial under way the same one again.
        self._asked += 1
        return f"proposal-{self._asked}"

    def _adopted(self, recorded: Proposal) -> Proposal | None:
        values = recorded.hyperparameters
        trials = self._oracle.trials
        if not self._oracle.sampling.contains(values) or (recorded.continues and recorded.continues not in trials):
            return None
        keys = {EPOCHS: recorded.epochs, EARLIER_TRIAL: recorded.continues if recorded.continues else None}
        decided = {name: value for name, value in keys.items() if value is not None} if self.pauses else {}
        return _proposal(self._oracle.adopt(self._tuner_id(), {**values, **decided}))

    @contextmanager
    def _calling(self) -> Iterator[None]:
        """Keep an oracle's usual warnings back, and let its next call through if this one raises."""
        try:
            with warnings.catch_warnings():
                # Of fits of a Gaussian process that are good enough to go on with, and of a trial without a value.
                warnings.filterwarnings("ignore", message="lbfgs failed to converge|The optimal value found for dim")
                warnings.filterwarnings("ignore", message="All-NaN axis encountered|All-NaN slice encountered")
                yield
        except BaseException:
            # Keras Tuner's synchronized methods keep their lock when they raise.
            if engine.THREADS[self._oracle] is not None:
                engine.THREADS[self._oracle] = None
                engine.LOCKS[self._oracle].release()
            raise


def _proposal(trial: Any) -> Proposal:
    values = trial.hyperparameters.values
    plain = {name: _plain(value) for name, value in values.items() if not name.startswith("tuner/")}
    return Proposal(
        oracle_id=trial.trial_id,
        hyperparameters=plain,
        epochs=values.get(EPOCHS),
        continues=values.get(EARLIER_TRIAL, ""),
    )


def _plain(value: Any) -> Value:
    """The Python value of a number that an oracle computed with numpy."""
    plain: Value = value.item() if hasattr(value, "item") else value
    return plain
