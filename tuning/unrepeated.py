"""What every oracle of ours shares: no configuration twice, and a search that can be taken up from its journal.

Keras Tuner's random search gives up after 20 collisions: of a space of 96 points it tried 73 to 90. Here a space that
is used up is used up.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import keras_tuner as kt

from tuning.sampling import Key, Sampling
from tuning.seeds import derive_seed
from tuning.settings import Configuration, Objective, Value

EPOCHS, EARLIER_TRIAL = "tuner/epochs", "tuner/trial_id"
"""Keras Tuner's hyperparameters for the epochs to train up to, and for the trial that goes on."""

_FINITE_ATTEMPTS, _ATTEMPTS = 100, 2000
_LISTED = 1000
_NEVER = 2**31


class UnrepeatedOracle(kt.Oracle):
    """A `kt.Oracle` whose proposals are a function of its seed, its trials and what was reported of them.

    `seed`: 0 or more. `known`: configurations that it never proposes. Random numbers are derived for each draw from the
    seed and the number of trials before it, so that trials taken from a journal stand for the calls that made them. It
    keeps no files. `learns`: it makes use of results, also of configurations that it did not propose.
    """

    learns = False

    def __init__(
        self, space: kt.HyperParameters, objective: Objective, *, seed: int, known: Sequence[Configuration] = ()
    ) -> None:
        super().__init__(
            objective=kt.Objective(objective.name, objective.direction),
            max_trials=None,
            hyperparameters=space,
            allow_new_entries=False,
            seed=seed,
            max_consecutive_failed_trials=_NEVER,
        )
        # Keras Tuner takes 0 for "choose one at random".
        self.seed = seed
        self.sampling = Sampling(space)
        self._taken: set[Key] = {self.sampling.key(values) for values in known}
        self._adopted: dict[str, Any] | None = None

    def suggest(self) -> dict[str, Any] | None:
        """The values of the next trial; None when the space is used up. Has no lasting effect."""
        return self.unseen()

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        values = self._adopted if self._adopted is not None else self.suggest()
        if values is None:
            return {"status": "STOPPED"}
        self._taken.add(self.sampling.key(values))
        return {"status": "RUNNING", "values": values}

    def adopt(self, tuner_id: str, values: dict[str, Any]) -> Any:
        """The trial that `create_trial` would make if `values` were the next suggestion."""
        self._adopted = values
        try:
            return self.create_trial(tuner_id)
        finally:
            self._adopted = None

    def is_new(self, values: Configuration) -> bool:
        """Whether neither a trial nor a known configuration has these active hyperparameters."""
        return self.sampling.key(values) not in self._taken

    def unseen(self) -> dict[str, Value] | None:
        """A new point drawn at random; None when all points of the space are taken.

        Where draws keep hitting what is taken, the rest of the space is listed, and one of its first points is chosen.
        Of real numbers, ten values each are listed.
        """
        number = len(self.trials)
        for attempt in range(_FINITE_ATTEMPTS if self.sampling.is_finite else _ATTEMPTS):
            values = self.sampling.draw(derive_seed(self.seed, "draw", number, attempt))
            if self.is_new(values):
                return values
        rest = list(islice(filter(self.is_new, self.sampling.points()), _LISTED))
        return rest[derive_seed(self.seed, "rest", number) % len(rest)] if rest else None

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

    def __init__(
        self, space: kt.HyperParameters, objective: Objective, *, seed: int, known: Sequence[Configuration] = ()
    ) -> None:
        super().__init__(space, objective, seed=seed, known=known)
        self._points = filter(self.is_new, self.sampling.points())
        self._next: dict[str, Value] | None = None

    def suggest(self) -> dict[str, Any] | None:
        # The list is read once: what was passed over stays taken.
        if self._next is None or not self.is_new(self._next):
            self._next = next(self._points, None)
        return self._next
