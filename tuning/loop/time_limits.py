"""How much of a search's time is left for what: trials, the best ones with other seeds, and retraining the winner."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

from tuning.loop.attempt import Attempt
from tuning.loop.final_race import FinalRace
from tuning.loop.journal import Suggestion
from tuning.loop.resources import Resources
from tuning.loop.search_state import SearchState
from tuning.oracles.base import TimeLeft
from tuning.ranking.selection import epochs_to_best
from tuning.records import TrialRecord

LARGEST_REPEATS_SHARE = 0.2


@dataclass(frozen=True, kw_only=True)
class TimeLimits:
    """`workers` train at the same time. Retraining has `examples` images, `ratio` times those of a trial.

    All follows from the seconds that epochs took. Nothing is kept back for a trial that can't win.
    """

    state: SearchState
    race: FinalRace
    resources: Resources
    workers: int
    examples: int
    ratio: float

    def seconds_for_trials(self) -> float:
        """Until only the time for the repeats and the retraining is left; infinite without a budget."""
        left = self.seconds_for_repeats()
        if math.isinf(left):
            return left
        needed = sum(self._repeat_seconds(trial) * number for trial, number in self.race.repeats_left()) / self.workers
        return left - min(needed, self.resources.budget.seconds * LARGEST_REPEATS_SHARE)

    def seconds_for_repeats(self) -> float:
        """Until only the time for the retraining is left; infinite without a budget."""
        if math.isinf(self.resources.budget.seconds):
            return math.inf
        return self.resources.budget.remaining_for_search(
            self.state.best, examples_ratio=self.ratio, epochs=self._retraining_epochs()
        )

    def _retraining_epochs(self) -> int:
        """As many as suit the best trial so far; 1 before there is one."""
        best = self.state.best
        if best is None:
            return 1
        to_best = epochs_to_best([best])
        return self.state.builder.retraining_settings(best, epochs_to_best=to_best, examples=self.examples).epochs

    def time_left(self) -> TimeLeft:
        """What there is, as an oracle takes it."""
        longest = self.resources.budget.longest_retraining(examples_ratio=self.ratio)
        epochs = self._retraining_epochs() * (self.state.config.parts or 1)
        return TimeLeft(search=self.seconds_for_trials(), retraining=longest, epochs=epochs)

    def fits_another_trial(self) -> bool:
        """Whether another trial is worth starting: half a usual one fits, or a first part. The first one always is."""
        if not self.state.trials:
            return True
        done = [trial for trial in self.state.trials if trial.has_result]
        taken = [trial.seconds / trial.starts for trial in done]
        return self.seconds_for_trials() > (statistics.median(taken) / 2 if taken else 0.0)

    def fits_repeat(self, trial: TrialRecord) -> bool:
        """Whether the trial can be trained again; the best one with as many epochs as the others, or not at all."""
        return self.seconds_for_repeats() > self._repeat_seconds(trial)

    def suggest_repeat(self, trial: TrialRecord) -> Suggestion:
        """The next repeat of a trial."""
        return self.race.suggest_repeat(trial, epochs=self._epochs_of_repeat(trial))

    def _epochs_of_repeat(self, trial: TrialRecord) -> int:
        """The same share of what their retraining has time for of all finalists that are trained alike."""
        alike = self.race.finalists_like(trial)
        share = max(len(each.epochs) / self._epochs_to_deliver(each) for each in alike)
        return min(max(round(share * self._epochs_to_deliver(trial)), 1), trial.settings.epochs)

    def _epochs_to_deliver(self, trial: TrialRecord) -> float:
        """How many a retraining of the trial has, in time."""
        longest = self.resources.budget.longest_retraining(examples_ratio=self.ratio)
        in_time = longest / trial.epoch_seconds if trial.epoch_seconds > 0 else math.inf
        return max(min(in_time, self._retraining_epochs() * trial.settings.parts), 1.0)

    def _repeat_seconds(self, trial: TrialRecord) -> float:
        return trial.seconds_for(self._epochs_of_repeat(trial))

    def is_too_slow(self, attempt: Attempt, *, at: float) -> bool:
        """Whether a retraining would not get through as many epochs: what a trial shows beyond that can't be delivered.

        Of the first part of an epoch, whether not even one whole epoch would fit. What a start takes is no part of it.
        """
        longest = self.resources.budget.longest_retraining(examples_ratio=self.ratio)
        curve = self.state.curves.get(attempt.trial_id, ())
        if curve:
            return sum(epoch.seconds for epoch in curve) > longest
        starts = [trial.start_seconds for trial in self.state.trials if trial.has_result]
        taken = attempt.seconds_taken(at=at) - (statistics.median(starts) if starts else 0.0)
        return taken * attempt.plan.settings.parts > longest
