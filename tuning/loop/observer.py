"""Search progress callbacks."""

from __future__ import annotations

from typing import Protocol

from tuning.loop.journal import AttemptLost, Suggestion
from tuning.records import Epoch, TrialRecord


class Observer(Protocol):
    """Who wants to follow a search.

    Told of a trial before it starts, of each of its epochs, of an attempt that was lost, and of its end once that is in
    the journal; `best` is the best trial so far, None while none has a result. An exception ends the search.
    """

    def trial_started(self, suggestion: Suggestion) -> None: ...

    def epoch_finished(self, trial_id: str, epoch: Epoch) -> None: ...

    def attempt_lost(self, lost: AttemptLost, *, tried_again: bool) -> None: ...

    def trial_finished(self, trial: TrialRecord, best: TrialRecord | None) -> None: ...


class Silent:
    """Follows nothing."""

    def trial_started(self, suggestion: Suggestion) -> None: ...

    def epoch_finished(self, trial_id: str, epoch: Epoch) -> None: ...

    def attempt_lost(self, lost: AttemptLost, *, tried_again: bool) -> None: ...

    def trial_finished(self, trial: TrialRecord, best: TrialRecord | None) -> None: ...
