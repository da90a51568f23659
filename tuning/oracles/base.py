"""What every oracle of ours shares: no configuration twice, and a search that can be taken up from its journal.

Keras Tuner's random search gives up after 20 collisions: of a space of 96 points it tried 73 to 90. Here a space that
is used up is used up.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import keras_tuner as kt

from tuning.seeds import derive_seed
from tuning.settings import Objective
from tuning.space.drawing import Drawing, Otherwise
from tuning.space.known_space import KnownSpace
from tuning.space.points import Point

EPOCHS, EARLIER_TRIAL = "tuner/epochs", "tuner/trial_id"
"""Keras Tuner's hyperparameters for the epochs to train up to, and for the trial that goes on."""

_NEVER = 2**31


@dataclass(frozen=True, kw_only=True)
class Proposed:
    """What an oracle wants tried: a configuration that is yet to be drawn, or one that goes on where it paused.

    `decided`: what else the oracle says of its trial, by the names of Keras Tuner's own hyperparameters.
    """

    what: Drawing | Point
    decided: dict[str, Any] = dataclasses.field(default_factory=dict)


class UnrepeatedOracle(kt.Oracle):
    """A `kt.Oracle` whose proposals are a function of its seed, its trials, what was reported of them, and its space.

    It is not told its space: `space` is what is known of it, and grows with every configuration that was drawn.
    `propose` says what to draw, and `adopt` makes a trial of what was drawn. `seed`: 0 or more. Random numbers are
    derived for each draw from the seed and the number of configurations before it, so that trials taken from a journal
    stand for the calls that made them. It keeps no files. `learns`: it makes use of results, also of configurations
    that it did not propose.
    """

    learns = False

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

    def propose(self) -> Proposed | None:
        """What comes next; None when the space is used up. Has no lasting effect."""
        drawing = self.drawing()
        return None if drawing is None else Proposed(what=drawing)

    def drawing(self) -> Drawing | None:
        """A new point drawn at random; None when all points of the space are taken."""
        if self.space.is_exhausted:
            return None
        return Drawing(seed=derive_seed(self.seed, "draw", len(self.space)))

    def adopt(self, tuner_id: str, point: Point, decided: dict[str, Any]) -> Any:
        """A trial of the point, whether it was proposed or not, with what was decided of it."""
        self._adopted = {**point.values, **decided}
        trial = self.create_trial(tuner_id)
        self.points[trial.trial_id] = point
        return trial

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Keras Tuner's hook: what was adopted."""
        return {"status": "RUNNING", "values": self._adopted}

    def completed(self) -> list[Any]:
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
        """Nothing: the journal is what a search goes on from."""

    def _save_trial(self, trial: Any) -> None:
        """Nothing, likewise. Keras Tuner writes a file at every call, which takes longer the more trials there are."""

    def _record_values(self, trial: Any) -> None:
        """Nothing. Keras Tuner drops the value of a name that an inactive condition has too, and draws another."""


class RandomOracle(UnrepeatedOracle):
    """Draws every configuration at random, until the space is used up."""


class GridOracle(UnrepeatedOracle):
    """Lists the space, the last hyperparameter fastest. Of real numbers it takes ten values on their scale."""

    def __init__(self, objective: Objective, *, seed: int) -> None:
        super().__init__(objective, seed=seed)
        self.space = KnownSpace(lists_reals=True)

    def drawing(self) -> Drawing | None:
        drawing = super().drawing()
        return None if drawing is None else dataclasses.replace(drawing, otherwise=Otherwise.FIRST)
