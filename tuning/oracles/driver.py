"""Which configuration next, and which trial to stop: an oracle, driven from outside Keras Tuner's own tuners."""

from __future__ import annotations

import dataclasses
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras_tuner as kt
from keras_tuner.src.engine import oracle as engine

from tuning.errors import InputError
from tuning.oracles.base import EARLIER_TRIAL, EPOCHS, EarlierPoint, Proposed, Proposer, TimeLeft, Waiting
from tuning.oracles.callers import proposer_of
from tuning.records import TrialRecord
from tuning.settings import Objective
from tuning.space.drawing import Drawing
from tuning.space.known_space import KnownSpace
from tuning.space.points import Point

_NEVER = 2**31


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What an oracle wants tried. `oracle_id` is the oracle's name for it.

    `epochs`: train up to so many in all; None: as many as the search gives every trial. `continues`: the
    `oracle_id` of the proposal whose trial resumes where it paused, if any does.
    """

    oracle_id: str
    point: Point
    epochs: int | None = None
    continues: str | None = None


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
        self._decided: dict[str, Any] = {}
        self._proposer = proposer_of(oracle)

    @property
    def objective(self) -> Objective:
        """The objective that the oracle gets. Raises InputError for an oracle with several objectives or none."""
        objective = self._oracle.objective
        if type(objective) is not kt.Objective:
            raise InputError(
                f"the oracle's objective must be one metric, like kt.Objective('val_loss', 'min'), got {objective}"
            )
        return Objective(name=objective.name, maximize=objective.direction == "max")

    @property
    def traits(self) -> Proposer:
        """What the oracle is like: whether it learns, stops, pauses, is slow, or is the caller's own."""
        return self._proposer

    @property
    def next_id(self) -> str:
        """What the oracle will call its next proposal."""
        return f"{len(self._oracle.trials):04d}"

    @property
    def space(self) -> KnownSpace:
        """What is known of the search space: every point that was taken."""
        return self._proposer.space

    def train_whole(self) -> bool:
        """Let the oracle know that no trial can pause; False if it can't work so."""
        return self._proposer.train_whole()

    def learn_from(self, earlier: Sequence[EarlierPoint]) -> bool:
        """Let the oracle know what other searches found; False if it can't learn from that."""
        return self._proposer.learn_from(earlier)

    def note_time(self, left: TimeLeft) -> None:
        """Let the oracle know how much time there is."""
        self._proposer.note_time(left)

    def note_dropped(self, oracle_ids: Iterable[str]) -> None:
        """Let the oracle know whose trials would have to start over."""
        self._proposer.note_dropped(oracle_ids)

    def expected(self) -> Mapping[str, float]:
        """Proposal → the objective that the oracle expects of it after a whole training; empty if it says nothing."""
        return self._proposer.expected()

    def ask(self, *, new: bool = True) -> Drawing | Proposal | Waiting | None:
        """What comes next: a configuration to be drawn and handed to `accept`, or an earlier one that resumes.

        WAITING if that depends on a result that is not there yet, None if there is no more. `new` False: only the
        continuation of an earlier one, of which oracles that are the caller's own have none.
        """
        with self._calling():
            proposed = self._proposer.propose(new=new)
        if not isinstance(proposed, Proposed):
            return proposed
        self._decided = proposed.decided
        return proposed.what if isinstance(proposed.what, Drawing) else self.accept(proposed.what)

    def accept(self, point: Point) -> Proposal:
        """The proposal that the point is, drawn as `ask` said or another one."""
        with self._calling():
            trial = self._proposer.adopt(point, self._decided)
        self._decided = {}
        values = trial.hyperparameters.values
        return Proposal(
            oracle_id=trial.trial_id,
            point=point,
            epochs=values.get(EPOCHS),
            continues=values.get(EARLIER_TRIAL) or None,
        )

    def show(self, point: Point) -> None:
        """Tell an oracle of the caller's own what the builder asks for; ours learn it by what is drawn."""
        self._proposer.show(point)

    def take(self, point: Point) -> None:
        """Note that a point is taken, so that none of our oracles proposes it."""
        self.space.add(point)

    def continuable(self, oracle_ids: Iterable[str]) -> set[str]:
        """Those of the proposals, which ended, that a later one may continue."""
        return self._proposer.continuable(oracle_ids)

    def adopt(self, recorded: Proposal) -> None:
        """Take a proposal from a journal as if it had just been made; an oracle of ours computes nothing for it.

        Raises InputError if the oracle can't have made it, or, where it is the caller's own, makes another one.
        """
        made = self._adopt(recorded)
        # The journal holds the epochs of every trial, an oracle names them only where it decides on them.
        if made is None or made != dataclasses.replace(recorded, epochs=made.epochs and recorded.epochs):
            raise InputError(
                f"the journal's configuration {dict(recorded.point.values)} is not what this oracle suggests there: it "
                "was written with other settings or library versions; start a new run"
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
            self._proposer.note_end(oracle_id, result)
            if result.has_result:
                objective = self.objective
                # Keras Tuner scores a trial by the best of its epochs; its result is that of the weights it kept.
                trial.metrics.metrics.pop(objective.name, None)
                self._oracle.update_trial(oracle_id, {objective.name: result.value})
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

    def _adopt(self, recorded: Proposal) -> Proposal | None:
        if recorded.continues and recorded.continues not in self._oracle.trials:
            return None
        with self._calling():
            if not self._proposer.agrees(recorded.point):
                return None
        keys = {EPOCHS: recorded.epochs, EARLIER_TRIAL: recorded.continues}
        known = {name: value for name, value in keys.items() if value is not None}
        self._decided = known if self._proposer.pauses else {}
        return self.accept(recorded.point)

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
