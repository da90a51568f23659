"""What every oracle of ours shares: no configuration twice, and a search that can be taken up from its journal.

Keras Tuner's random search gives up after 20 collisions: of a space of 96 points it tried 73 to 90. Here a space that
is used up is used up.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, Final, Protocol, Self

import keras_tuner as kt

from tuning.records import SearchConfig, TrialRecord
from tuning.seeds import derive_seed
from tuning.settings import Objective
from tuning.space.drawing import Drawing
from tuning.space.known_space import KnownSpace
from tuning.space.points import Point

EPOCHS, EARLIER_TRIAL = "tuner/epochs", "tuner/trial_id"
"""Keras Tuner's hyperparameters for the epochs to train up to, and for the trial that resumes."""

_NEVER = 2**31


class Waiting(Enum):
    """The answer of an oracle that can't say what comes next before another trial has ended."""

    WAITING = "waiting"


WAITING: Final = Waiting.WAITING


@dataclass(frozen=True, kw_only=True)
class Proposed:
    """What an oracle wants tried: a configuration that is yet to be drawn, or one that resumes where it paused.

    `decided`: what else the oracle says of its trial, by the names of Keras Tuner's own hyperparameters.
    """

    what: Drawing | Point
    decided: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TimeLeft:
    """What there is yet, infinite where nothing limits it.

    `search`: seconds for more trials. `retraining`: so many seconds may epochs take in the search that a retraining has
    time for. `epochs`: so many has a retraining at most, however fast.
    """

    search: float
    retraining: float
    epochs: float = math.inf


@dataclass(frozen=True, kw_only=True)
class EarlierPoint:
    """What another search found of a point of this one's space. `ranks`: after how many epochs, less is better."""

    point: Point
    ranks: Mapping[int, float]


class Proposer(Protocol):
    """What a driver asks: an oracle of ours, or one that wraps an oracle of the caller's own.

    `space`: every point that was taken. `is_caller_s`: it is informed of every configuration that it asked for,
    possible or not. The other attributes are as those of `UnrepeatedOracle`.
    """

    space: KnownSpace
    is_caller_s: bool
    learns: bool
    stops: bool
    pauses: bool
    is_slow: bool
    takes_parts: bool
    fewest_epochs: int
    first_epochs: int | None

    def propose(self, *, new: bool = True) -> Proposed | Waiting | None:
        """What comes next; None if there is no more. `new` False: only one that resumes."""

    def agrees(self, point: Point) -> bool:
        """Whether a point from a journal can be what comes next."""

    def adopt(self, point: Point, decided: dict[str, Any]) -> Any:
        """A trial of Keras Tuner for the point, with what was decided of it."""

    def show(self, point: Point) -> None:
        """Let it know what the model builder asks for."""

    def train_whole(self) -> bool:
        """Let it know that no trial can pause; False if it can't work so."""

    def learn_from(self, earlier: Sequence[EarlierPoint]) -> bool:
        """Let it know what other searches found; False if it can't learn from that."""

    def note_end(self, oracle_id: str, record: TrialRecord) -> None:
        """Let it know all of how a proposal ended, beside its value."""

    def note_time(self, left: TimeLeft) -> None:
        """Let it know how much time there is."""

    def note_dropped(self, oracle_ids: Iterable[str]) -> None:
        """Let it know whose trials would have to start over: their states are not kept."""

    def expected(self) -> Mapping[str, float]:
        """Proposal → the objective that it expects after a whole training, of the latest proposal of each trial."""

    def continuable(self, oracle_ids: Iterable[str]) -> set[str]:
        """Those of the proposals, which ended, that a later one may continue."""


class UnrepeatedOracle(kt.Oracle):
    """A `kt.Oracle` whose proposals are a function of its seed, its trials, what was reported of them, and its space.

    It is not given its space: `space` is what is known of it, and grows with every configuration that was drawn.
    `propose` says what to draw, and `adopt` makes a trial of what was drawn. `seed`: 0 or more. Random numbers are
    derived for each draw from the seed and the number of configurations before it, so that trials taken from a journal
    stand for the calls that made them. It keeps no files.

    An algorithm declares by class attributes what it is like. `learns`: it makes use of results, also of configurations
    that it did not propose. `stops`: it may end a trial early, in `update_trial`. `pauses`: a proposal may continue an
    earlier one's trial, so that what that had learned is kept. `is_slow`: a proposal takes seconds. `is_random`: its
    proposals depend on the seed. `takes_parts`: its epochs may be parts of those that show all images. `fewest_epochs`:
    what a trial gets at least where no number is given. `first_epochs`: after so many a configuration pauses that was
    not proposed, as its proposals do; None: it is trained to its end.
    """

    is_caller_s: ClassVar[bool] = False
    learns: ClassVar[bool] = False
    stops: ClassVar[bool] = False
    pauses: bool = False
    is_slow: ClassVar[bool] = False
    takes_parts: ClassVar[bool] = False
    is_random: ClassVar[bool] = True
    fewest_epochs: ClassVar[int] = 1
    first_epochs: int | None = None

    def __init__(self, objective: Objective, *, seed: int) -> None:
        super().__init__(
            objective=kt.Objective(objective.name, objective.direction),
            max_trials=None,
            hyperparameters=kt.HyperParameters(),
            seed=seed,
            max_consecutive_failed_trials=_NEVER,
        )
        # Keras Tuner takes 0 for "choose one at random".
        self.seed = seed
        self.space = KnownSpace()
        self.points: dict[str, Point] = {}
        self._adopted: dict[str, Any] = {}

    @classmethod
    def of(cls, config: SearchConfig, *, seed: int) -> Self:
        """The oracle with what the config says of it; one with options of its own takes them from there."""
        return cls(config.objective, seed=seed)

    def propose(self, *, new: bool = True) -> Proposed | Waiting | None:
        """What comes next; None when the space is used up. Has no lasting effect."""
        drawing = self.drawing() if new else None
        return None if drawing is None else Proposed(what=drawing)

    def drawing(self) -> Drawing | None:
        """A new point drawn at random; None when all points of the space are taken."""
        if self.space.is_exhausted:
            return None
        return Drawing(seed=derive_seed(self.seed, "draw", len(self.space)))

    def agrees(self, point: Point) -> bool:
        """Always: what a journal holds replaces the calls that made it, and nothing is computed for it."""
        return True

    def adopt(self, point: Point, decided: dict[str, Any]) -> Any:
        """A trial of the point, whether it was proposed or not, with what was decided of it."""
        self._adopted = {**point.values, **decided}
        # Keras Tuner gives a tuner that has a trial under way the same one again.
        trial = self.create_trial(f"proposal-{len(self.trials)}")
        self.points[trial.trial_id] = point
        return trial

    def show(self, point: Point) -> None:
        """Nothing: it learns by what is drawn what a builder asks for."""

    def train_whole(self) -> bool:
        """Nothing changes for those that never pause a trial."""
        return not self.pauses

    def learn_from(self, earlier: Sequence[EarlierPoint]) -> bool:
        """Most go by their own trials alone."""
        return False

    def note_end(self, oracle_id: str, record: TrialRecord) -> None:
        """Nothing: most go by the value alone."""

    def note_time(self, left: TimeLeft) -> None:
        """Nothing, likewise."""

    def note_dropped(self, oracle_ids: Iterable[str]) -> None:
        """Nothing: most do not weigh what a trial costs."""

    def expected(self) -> Mapping[str, float]:
        """Nothing: most go by the values that there are."""
        return {}

    def continuable(self, oracle_ids: Iterable[str]) -> set[str]:
        """None."""
        return set()

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Keras Tuner's hook: what was adopted."""
        return {"status": "RUNNING", "values": self._adopted}

    def list_completed(self) -> list[Any]:
        """The trials that ended with a result, in the order in which they started."""
        return [trial for trial in self.trials.values() if trial.status == "COMPLETED"]

    def running(self) -> list[Any]:
        """The trials that have not ended."""
        return [trial for trial in self.trials.values() if trial.status == "RUNNING"]

    def rank(self, trial: Any) -> float:
        """A completed trial's score as a number of which less is better."""
        score = float(trial.score)
        return -score if self.objective.direction == "max" else score

    def save(self) -> None:
        """Nothing: the journal is what a search resumes from."""

    def _save_trial(self, trial: Any) -> None:
        """Nothing, likewise. Keras Tuner writes a file at every call, which takes longer the more trials there are."""

    def _record_values(self, trial: Any) -> None:
        """Nothing. Keras Tuner drops the value of a name that an inactive condition has too, and draws another."""
