"""The final of a search: who is trained again with other seeds, how often and how long."""

from __future__ import annotations

import dataclasses
import operator

from tuning.loop.journal import Suggestion
from tuning.loop.search_state import SearchState
from tuning.ranking.choice import finalists_of, repeats_wanted
from tuning.records import TrialRecord


def repeat_number(trial_id: str) -> int:
    """Which repeat of its trial it is, from 1 on; 0 for one of the search itself."""
    return int(trial_id.partition(".")[2] or 0)


class FinalRace:
    """What `state` says of the final, at any time of the search."""

    def __init__(self, state: SearchState) -> None:
        self._state = state
        self._judged: tuple[TrialRecord, ...] = ()
        self._known: tuple[TrialRecord, ...] = ()

    @property
    def judged(self) -> tuple[TrialRecord, ...]:
        """The trials with what the oracle expects of each, by which they are ranked."""
        trials = self._state.trials
        if len(trials) != len(self._known) or any(map(operator.is_not, trials, self._known)):
            expected = {self._state.trial_of[name]: value for name, value in self._state.driver.expected().items()}
            self._judged = tuple(dataclasses.replace(each, expected=expected.get(each.trial_id)) for each in trials)
            self._known = trials
        return self._judged

    def repeats_left(self) -> list[tuple[TrialRecord, int]]:
        """The finalists that may still win, best first, and how many more times each is to be trained again."""
        return repeats_wanted(self.judged, self._state.repeats, self._state.config, begun=self._begun)

    def next_repeat(self) -> TrialRecord | None:
        """Whom to train again next: who was least often, the better one on a tie; None where the race is over."""
        wanted = self.repeats_left()
        return max(wanted, key=lambda pair: pair[1])[0] if wanted else None

    def suggest_repeat(self, trial: TrialRecord, *, epochs: int) -> Suggestion:
        """The next repeat of a trial, up to so many epochs."""
        return Suggestion(
            trial_id=f"{trial.trial_id}.{self._begun.count(trial.trial_id) + 1}",
            oracle_id=None,
            hyperparameters=trial.hyperparameters,
            ranges=self._state.suggestions[trial.trial_id].ranges,
            epochs=epochs,
            repeat_of=trial.trial_id,
        )

    def finalists_like(self, trial: TrialRecord) -> list[TrialRecord]:
        """The finalists that are trained in the same way, itself included."""
        chosen = finalists_of(self.judged, self._state.config, repeated=self._begun)
        return [trial, *(each for each in chosen if each.settings == trial.settings)]

    @property
    def _begun(self) -> list[str]:
        """The trials of all repeats that were begun, one entry each."""
        return [each.repeat_of for each in self._state.suggestions.values() if each.repeat_of]
