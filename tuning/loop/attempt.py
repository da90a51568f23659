"""One attempt at a trial while it is under way, and the record of what came of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from tuning.executors.interface import ModelBuilt, TaskEnded
from tuning.loop.journal import AttemptLost, Suggestion
from tuning.records import Epoch, TrialRecord, TrialStatus, best_epoch
from tuning.settings import Configuration, TrainingPlan

STARTING_SECONDS = 60.0


@dataclass(kw_only=True)
class Attempt:
    """A task under way. `seconds_before`: what `starts_before` earlier attempts at the trial took.

    `started`: when its model stood, and until then when it was handed over; a worker that has to start takes seconds.
    `stop_reason`: why it was asked to end, at `stopped_at`; empty while it was not. `skips`: before anything is
    trained. `is_out_of_time`: there is no time for another attempt. `was_killed`: it is about to be lost.
    """

    suggestion: Suggestion
    plan: TrainingPlan
    started: float
    seconds_before: float
    starts_before: int = 0
    parameters: int = 0
    macs: int | None = None
    stop_reason: str = ""
    stopped_at: float = 0.0
    skips: bool = False
    is_out_of_time: bool = False
    was_killed: bool = False
    is_built: bool = False

    @property
    def trial_id(self) -> str:
        return self.suggestion.trial_id

    @property
    def until(self) -> int:
        """The number of epochs that it trains up to."""
        return min(self.suggestion.epochs, self.plan.settings.epochs)

    def costs(self, names: Sequence[str]) -> dict[str, int | None]:
        """What the model costs, by names in `pareto.COSTS`; None where that is not counted."""
        known = {"params": self.parameters, "macs": self.macs}
        return {name: known[name] for name in names}

    def tell_to_stop(self, reason: str, *, at: float) -> None:
        """Note why it has to end, if there is a reason; the first one counts."""
        if reason and not self.stop_reason:
            self.stop_reason, self.stopped_at = reason, at

    def note_built(self, report: ModelBuilt, *, at: float) -> None:
        """Note that its model is built."""
        self.parameters, self.macs, self.started, self.is_built = report.parameters, report.macs, at, True

    def seconds_taken(self, *, at: float) -> float:
        """Since its model stood; of what comes before, what is more than a worker may take to start."""
        return at - self.started if self.is_built else max(at - self.started - STARTING_SECONDS, 0.0)

    def end(self, report: TaskEnded, *, at: float) -> TrialRecord:
        """The record of an attempt that ended as its worker reported."""
        reason = self.stop_reason
        if report.failure:
            status, reason = TrialStatus.FAILED, report.failure
        elif self.skips:
            status = TrialStatus.SKIPPED
        elif report.stopped:
            status = TrialStatus.STOPPED
        elif not self.suggestion.repeat_of and self.until <= len(report.epochs) < self.plan.settings.epochs:
            status, reason = TrialStatus.PAUSED, ""
        else:
            status, reason = TrialStatus.COMPLETED, ""
        self.parameters, self.macs = report.parameters, report.macs
        record = self._record(
            status, reason, report.epochs, result_epoch=report.result_epoch, used=report.hyperparameters, at=at
        )
        return dataclasses.replace(record, note=report.note)

    def give_up(self, tries: Sequence[AttemptLost], epochs: Sequence[Epoch], *, at: float) -> TrialRecord:
        """The record of a trial of which no attempt is left: it failed, unless it was to end with what it reached."""
        if self.is_out_of_time and epochs:
            status, reason = TrialStatus.STOPPED, self.stop_reason
        else:
            status, reason = TrialStatus.FAILED, "; ".join(dict.fromkeys(each.reason for each in tries))
        settings = self.plan.settings
        result_epoch = best_epoch(epochs, settings.objective) if settings.keep_best else max(len(epochs) - 1, 0)
        return self._record(status, reason, epochs, result_epoch=result_epoch, used=None, at=at)

    def _record(
        self,
        status: TrialStatus,
        reason: str,
        epochs: Sequence[Epoch],
        *,
        result_epoch: int,
        used: Configuration | None,
        at: float,
    ) -> TrialRecord:
        return TrialRecord(
            trial_id=self.trial_id,
            hyperparameters=used if used is not None else self.plan.hyperparameters,
            settings=self.plan.settings,
            seed=self.plan.seed,
            status=status,
            reason=reason,
            epochs=tuple(epochs),
            result_epoch=result_epoch,
            parameters=self.parameters,
            seconds=self.seconds_before + at - self.started,
            macs=self.macs,
            starts=self.starts_before + 1,
            repeat_of=self.suggestion.repeat_of,
        )
