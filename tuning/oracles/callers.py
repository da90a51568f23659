"""A `kt.Oracle` of the caller's own, which knows nothing of ours, as one that a driver can ask."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras_tuner as kt

from tuning.oracles.base import WAITING, EarlierPoint, Proposed, Proposer, TimeLeft, UnrepeatedOracle, Waiting
from tuning.records import TrialRecord
from tuning.settings import Value
from tuning.space.drawing import Drawing, Otherwise
from tuning.space.known_space import KnownSpace
from tuning.space.points import Point


def proposer_of(oracle: kt.Oracle) -> Proposer:
    """The oracle itself if it is one of ours."""
    return oracle if isinstance(oracle, UnrepeatedOracle) else CallersOracle(oracle)


class CallersOracle:
    """It hands out the trials that `oracle` makes. It is informed of every configuration that it asked for."""

    is_caller_s = True
    learns = False
    fewest_epochs = 1
    first_epochs: int | None = None

    def __init__(self, oracle: kt.Oracle) -> None:
        self._oracle = oracle
        self._asked_for: Any = None
        self.space = KnownSpace()
        # Keras Tuner's classes do not say it themselves.
        self.stops = type(oracle).update_trial is not kt.Oracle.update_trial
        self.pauses = isinstance(oracle, kt.oracles.HyperbandOracle)
        self.takes_parts = False
        self.is_slow = isinstance(oracle, kt.oracles.BayesianOptimizationOracle)

    def propose(self, *, new: bool = True) -> Proposed | Waiting | None:
        """What the oracle's next trial asks for; of one that resumes it knows nothing."""
        if not new:
            return None
        trial = self._oracle.create_trial(f"proposal-{len(self._oracle.trials)}")
        if trial.status == "IDLE":
            return WAITING
        if trial.status != "RUNNING":
            return None
        self._asked_for = trial
        values = trial.hyperparameters.values
        plain = {name: _plain(value) for name, value in values.items() if not name.startswith("tuner/")}
        return Proposed(what=Drawing(wanted=plain, otherwise=Otherwise.DEFAULT, is_final=True))

    def agrees(self, point: Point) -> bool:
        """Whether the point is what it proposes next."""
        proposed = self.propose()
        if not isinstance(proposed, Proposed) or not isinstance(proposed.what, Drawing):
            return False
        return all(point.values.get(name, value) == value for name, value in proposed.what.wanted.items())

    def adopt(self, point: Point, decided: dict[str, Any]) -> Any:
        """The trial that was asked for last, whatever the point became."""
        trial, self._asked_for = self._asked_for, None
        self.show(point)
        return trial

    def show(self, point: Point) -> None:
        """Let the oracle know what the builder asks for."""
        if self._oracle.allow_new_entries:
            hp = kt.HyperParameters()
            for name, domain in point.ranges.items():
                domain.declare(hp, name, point.values[name])
            self._oracle.update_space(hp)

    def train_whole(self) -> bool:
        """Nothing changes for those that never pause a trial."""
        return not self.pauses

    def learn_from(self, earlier: Sequence[EarlierPoint]) -> bool:
        """It goes by its own trials alone."""
        return False

    def note_end(self, oracle_id: str, record: TrialRecord) -> None:
        """Nothing: an oracle of Keras Tuner is informed by `update_trial` and `end_trial`."""

    def note_time(self, left: TimeLeft) -> None:
        """Nothing: it has no use for it."""

    def note_dropped(self, oracle_ids: Iterable[str]) -> None:
        """Nothing: it has no use for it."""

    def expected(self) -> Mapping[str, float]:
        """Nothing: it does not say."""
        return {}

    def continuable(self, oracle_ids: Iterable[str]) -> set[str]:
        """All of them, if any may be: it does not say which."""
        return set(oracle_ids) if self.pauses else set()


def _plain(value: Any) -> Value:
    """The Python value of a number that an oracle computed with numpy."""
    plain: Value = value.item() if hasattr(value, "item") else value
    return plain
