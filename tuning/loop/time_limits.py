"""How much of a search's time is left for what: trials, the best ones with other seeds, and retraining the winner."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

from tuning.loop.resources import Resources
from tuning.loop.search_state import SearchState
from tuning.ranking.choice import finalists_of
from tuning.ranking.selection import epochs_to_best
from tuning.records import TrialRecord

LARGEST_REPEATS_SHARE = 0.2


@dataclass(frozen=True, kw_only=True)
class TimeLimits:
    """`workers` train at the same time. Retraining has `examples` images, `ratio` times those of a trial."""

    state: SearchState
    resources: Resources
    workers: int
    examples: int
    ratio: float

    def seconds_for_trials(self) -> float:
        """Until only the time for the repeats and the retraining is left; infinite without a budget."""
        left = self.seconds_for_repeats()
        if math.isinf(left) or not self.state.trials:
            return left
        chosen = finalists_of(self.state.trials, self.state.config)
        repeats = self.state.config.repeats if len(chosen) > 1 else 0
        needed = sum(trial.seconds for trial in chosen) * repeats / self.workers
        return left - min(needed, self.resources.budget.seconds * LARGEST_REPEATS_SHARE)

    def seconds_for_repeats(self) -> float:
        """Until only the time for the retraining is left; infinite without a budget."""
        if math.isinf(self.resources.budget.seconds):
            return math.inf
        best, wanted = self.state.best, 1
        if best is not None:
            to_best = epochs_to_best([best])
            wanted = self.state.builder.retraining_settings(best, epochs_to_best=to_best, examples=self.examples).epochs
        return self.resources.budget.remaining_for_search(best, examples_ratio=self.ratio, epochs=wanted)

    def fits_another_trial(self) -> bool:
        """Whether another trial is worth starting: half a usual one fits. The first one always is."""
        if not self.state.trials:
            return True
        taken = [trial.seconds for trial in self.state.trials if trial.has_result]
        return self.seconds_for_trials() > (statistics.median(taken) / 2 if taken else 0.0)

    def fits_repeat(self, trial: TrialRecord) -> bool:
        """Whether the trial can be trained again; the best one with as many epochs as the others, or not at all."""
        return self.seconds_for_repeats() > trial.seconds
