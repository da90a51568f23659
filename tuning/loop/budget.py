"""How long a whole command may take, and how much of that the retraining of the winner needs."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable

from tuning.errors import InputError
from tuning.records import TrialRecord

LARGEST_RETRAINING_SHARE = 0.55
RETRAINING_SLOWDOWN = 1.25
FINISHING_SECONDS = 10.0
LARGEST_FINISHING_SHARE = 0.1

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(text: str) -> float:
    """Seconds of `90s`, `10m` or `1.5h`. Raises InputError for anything else and for 0."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if match is None or float(match[1]) == 0:
        raise InputError(f"a duration must be a number above 0 with a unit, like 90s, 10m or 1.5h, got {text!r}")
    return float(match[1]) * _UNITS[match[2]]


class Budget:
    """Wall time of one run, over all the commands that worked on it. Seconds are infinite where there is no limit.

    `finishing`: seconds that are kept back to write the model and to test it.
    """

    def __init__(
        self,
        seconds: float | None,
        *,
        spent: float = 0.0,
        speedup: float = 1.0,
        retrains: bool = True,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`seconds` None: no limit. `spent`: what earlier commands used of it.

        `speedup`: how many times faster an epoch is when no other training shares the machine. `retrains`: the winner
        is trained again within the time.
        """
        self._retrains = retrains
        self.seconds = math.inf if seconds is None else seconds
        self._speedup = speedup
        self.clock = clock
        self._end = clock() + self.seconds - spent
        self.finishing = min(FINISHING_SECONDS, LARGEST_FINISHING_SHARE * self.seconds)

    def remaining(self) -> float:
        """Seconds until the limit; below 0 once it has passed."""
        return self._end - self.clock()

    def remaining_for_search(self, best: TrialRecord | None, *, examples_ratio: float, epochs: int) -> float:
        """Seconds until only the time for retraining `best` is left.

        At most 55 % is kept back for retraining, and just that as long as nothing is known about its length.
        """
        if math.isinf(self.seconds):
            return math.inf
        if not self._retrains:
            return self.remaining()
        most = self.seconds * LARGEST_RETRAINING_SHARE
        if best is None:
            return self.remaining() - most
        needed = epochs * self._retraining_epoch_seconds(best, examples_ratio) + self.finishing
        return self.remaining() - min(needed, most)

    def longest_retraining(self, *, examples_ratio: float) -> float:
        """Seconds that as many epochs would take in the search as there is time for in a retraining, at most."""
        if not self._retrains:
            return math.inf
        most = self.seconds * LARGEST_RETRAINING_SHARE - self.finishing
        return most * self._speedup / (examples_ratio * RETRAINING_SLOWDOWN)

    def spend(self, seconds: float) -> None:
        """Take off what an earlier command used that nothing else accounts for."""
        self._end -= seconds

    def is_over(self) -> bool:
        """Whether a training has to end, so that its model can be written and tested in time."""
        return self.remaining() < self.finishing

    def epochs_left(self, seconds: float, *, after: float) -> int:
        """How many epochs of so many seconds still fit after some other seconds; 0 or more."""
        return max(int((self.remaining() - after - self.finishing) / seconds), 0)

    def retraining_epochs(self, winner: TrialRecord, *, examples_ratio: float, epochs: int) -> int:
        """How many of the wanted epochs of retraining still fit; at least 1."""
        left = self.remaining() - self.finishing
        if math.isinf(left):
            return epochs
        return max(1, min(epochs, int(left / self._retraining_epoch_seconds(winner, examples_ratio))))

    def _retraining_epoch_seconds(self, trial: TrialRecord, examples_ratio: float) -> float:
        """From the trial's fastest epoch; augmentation and a noisy machine take a quarter more."""
        fastest = min(epoch.seconds for epoch in trial.epochs) * trial.settings.parts
        return fastest * examples_ratio * RETRAINING_SLOWDOWN / self._speedup
