"""Keeps the workers of a search busy: suggestions go out, reports come in, each on record before it counts."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

from tuning.executors.drawers import Drawer
from tuning.executors.interface import EpochEnded, Executor, Lost, ModelBuilt, Report, Task
from tuning.loop.attempt import Attempt
from tuning.loop.final_race import repeat_number
from tuning.loop.journal import AttemptLost, EpochReported, Event, Journal, Suggestion
from tuning.loop.kept_states import KeptStates
from tuning.loop.observer import Observer
from tuning.loop.rejection import reason_to_skip, reason_to_stop
from tuning.loop.search_state import SearchState
from tuning.loop.suggesting import events_of, next_up
from tuning.loop.time_limits import TimeLimits
from tuning.oracles.base import Waiting
from tuning.plugins.user_callbacks import TrialContext
from tuning.records import StopReason, TrialRecord, TrialStatus
from tuning.runs.run_folder import RunFolder
from tuning.runs.trials_table import write_trials_csv

ATTEMPTS = 2
POLL_SECONDS = 0.5
DRAWING_POLL_SECONDS = 0.02
STOPPING_SECONDS = 60.0
FIRST_STEP_SECONDS = 1.0
MOST_SKIPPED_IN_A_ROW = 200
MOST_REPEATED_IN_A_ROW = 50
TRACEBACK = "traceback.txt"


@dataclass(kw_only=True)
class SearchLoop:
    """Runs what `state` suggests, within `limits`."""

    state: SearchState
    journal: Journal
    executor: Executor
    run: RunFolder
    limits: TimeLimits
    drawer: Drawer
    observer: Observer
    _attempts: dict[str, Attempt] = field(default_factory=dict)
    _tasks: int = 0
    _is_drawing: bool = False

    def __post_init__(self) -> None:
        self._clock = self.limits.resources.budget.clock
        self._began = self._clock() - self.journal.elapsed
        most = self.limits.resources.keep_states
        self._states = KeptStates(state=self.state, folder=self.run.weights, most_bytes=most)

    def search(self) -> StopReason:
        """Until trials, time or configurations are used up, and the best ones are trained again.

        What the repeats leave of the time is for more trials.
        """
        if not self.state.began:
            self._record(self.state.header())
        self._states.tidy()
        while True:
            ended_by = self._run_trials()
            self._run_repeats()
            if ended_by is not StopReason.BUDGET or not self.limits.fits_another_trial():
                return ended_by

    def _run_trials(self) -> StopReason:
        while True:
            ended_by = self._start_what_fits()
            if ended_by is not None and not self._attempts:
                return ended_by
            self._wait()

    def _run_repeats(self) -> None:
        """Train the contenders again with other seeds, as long as the time lasts."""
        while True:
            while len(self._attempts) < self.executor.workers and (found := self._next_repeat()) is not None:
                self._submit(found)
            if not self._attempts:
                return
            self._wait()

    def _next_repeat(self) -> Suggestion | None:
        """One that was lost, else the next one of the race; None where it is over, or the time does not last."""
        left_over = self._find_left_over(repeats=True)
        trial = self.limits.race.next_repeat() if left_over is None else self.state.records[left_over.repeat_of or ""]
        if trial is None or not self.limits.fits_repeat(trial):
            return None
        suggestion = left_over if left_over is not None else self.limits.suggest_repeat(trial)
        if left_over is None:
            self._record(suggestion)
        return suggestion

    def _start_what_fits(self) -> StopReason | None:
        """Fill the workers; why there is nothing more to start, None while there may be."""
        while len(self._attempts) < self.executor.workers:
            if not self.limits.fits_another_trial():
                return StopReason.BUDGET
            suggestion = self._find_left_over(repeats=False)
            if suggestion is None:
                found = self._suggest(wait=not self._attempts)
                if not isinstance(found, Suggestion):
                    return found
                suggestion = found
            self._submit(suggestion)
        if self._looks_ahead and self._find_left_over(repeats=False) is None and self.limits.fits_another_trial():
            # Thought of, and drawn, while the workers train.
            self._suggest(wait=False)
        return None

    @property
    def _looks_ahead(self) -> bool:
        return self.state.driver.traits.is_slow or self.drawer.is_concurrent

    def _suggest(self, *, wait: bool) -> Suggestion | StopReason | None:
        """Record what comes next; else why there is nothing more, None while there may be.

        `wait`: for what is being drawn. Combinations that are impossible are recorded and passed over.
        """
        while True:
            if self.state.repeated_in_a_row >= MOST_REPEATED_IN_A_ROW:
                return StopReason.SPACE
            if not self._is_drawing:
                self.state.driver.note_time(self.limits.time_left())
                is_hopeless = self.state.skipped_in_a_row >= MOST_SKIPPED_IN_A_ROW
                found = next_up(self.state, new=not is_hopeless)
                if isinstance(found, Suggestion):
                    self._record(found)
                    return found
                if isinstance(found, Waiting):
                    # An oracle that waits for nothing would wait for ever.
                    return None if self._attempts else StopReason.SPACE
                if found is None and is_hopeless:
                    return StopReason.SKIPPED
                if found is None:
                    is_full = self.state.drawn >= self.state.config.max_trials
                    return StopReason.MAX_TRIALS if is_full else StopReason.SPACE
                self.drawer.begin(found)
                self._is_drawing = True
            drawn = self.drawer.result(wait=wait)
            if drawn is None:
                return None
            self._is_drawing = False
            suggestion, *ended = events_of(self.state, drawn)
            self._record(suggestion)
            for trial in ended:
                assert isinstance(suggestion, Suggestion)
                assert isinstance(trial, TrialRecord)
                self.observer.trial_started(suggestion)
                self._keep_traceback(trial.trial_id, drawn.traceback)
                self._finish(trial)
            if isinstance(suggestion, Suggestion) and not ended:
                return suggestion

    def _keep_traceback(self, trial_id: str, text: str) -> None:
        if text:
            folder = self.run.trial(trial_id)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / TRACEBACK).write_text(text, encoding="utf-8", errors="backslashreplace")

    def _find_left_over(self, *, repeats: bool) -> Suggestion | None:
        """The first suggestion without a result that no worker has: an earlier process or attempt was lost."""
        left = (each for each in self.state.under_way.values() if bool(each.repeat_of) == repeats)
        return next((each for each in left if each.trial_id not in self._trial_ids()), None)

    def _trial_ids(self) -> set[str]:
        return {attempt.trial_id for attempt in self._attempts.values()}

    def _submit(self, suggestion: Suggestion) -> None:
        self.observer.trial_started(suggestion)
        self._tasks += 1
        task_id = f"{suggestion.trial_id}#{self._tasks}"
        before = self.state.records.get(suggestion.trial_id)
        lost = self.state.lost.get(suggestion.trial_id, ())
        attempt = Attempt(
            suggestion=suggestion,
            plan=self.state.plan(suggestion),
            started=self._clock(),
            seconds_before=(0.0 if before is None else before.seconds) + sum(each.seconds for each in lost),
            starts_before=(0 if before is None else before.starts) + len(lost),
        )
        self._attempts[task_id] = attempt
        context = TrialContext(
            run=self.run.name,
            trial_id=suggestion.trial_id,
            hyperparameters=suggestion.hyperparameters,
            folder=self.run.trial(suggestion.trial_id).resolve(),
            run_folder=self.run.path.resolve(),
        )
        self.executor.submit(
            Task(
                task_id=task_id,
                plan=attempt.plan,
                context=context,
                until=attempt.until,
                state=self._state_folder(suggestion.trial_id),
                waits=self.state.is_judged and not suggestion.repeat_of,
                fold=repeat_number(suggestion.trial_id) if self.state.config.folds else 0,
            )
        )

    def _wait(self) -> None:
        is_wanted = self._is_drawing and len(self._attempts) < self.executor.workers
        self.executor.poll(self._take, seconds=DRAWING_POLL_SECONDS if is_wanted else POLL_SECONDS)
        self._keep_limits()

    def _take(self, report: Report) -> bool:
        attempt = self._attempts[report.task_id]
        if isinstance(report, ModelBuilt):
            attempt.note_built(report, at=self._clock())
            if not attempt.suggestion.repeat_of:
                reason = reason_to_skip(self.state, attempt)
                attempt.skips = bool(reason)
                attempt.tell_to_stop(reason, at=self._clock())
            return not attempt.skips
        if isinstance(report, EpochEnded):
            return self._take_epoch(attempt, report)
        del self._attempts[report.task_id]
        if isinstance(report, Lost):
            self._take_loss(attempt, report)
        else:
            self._keep_traceback(attempt.trial_id, report.traceback)
            self._finish(attempt.end(report, at=self._clock()))
        return False

    def _take_epoch(self, attempt: Attempt, report: EpochEnded) -> bool:
        # What an attempt that was lost reported already is on record.
        if report.number > self.state.count_epochs(attempt.trial_id):
            self._record(EpochReported(trial_id=attempt.trial_id, number=report.number, epoch=report.epoch))
            self.observer.epoch_finished(attempt.trial_id, report.epoch)
        if report.number < attempt.until:
            attempt.tell_to_stop(reason_to_stop(self.state, attempt, report.number), at=self._clock())
        self._keep_limits()
        return not attempt.stop_reason

    def _take_loss(self, attempt: Attempt, report: Lost) -> None:
        lost = AttemptLost(trial_id=attempt.trial_id, reason=report.reason, seconds=self._clock() - attempt.started)
        self._record(lost)
        tries = self.state.lost[attempt.trial_id]
        is_over = len(tries) >= ATTEMPTS or attempt.is_out_of_time
        self.observer.attempt_lost(lost, tried_again=not is_over)
        if is_over:
            self._finish(attempt.give_up(tries, self.state.curves.get(attempt.trial_id, ()), at=self._clock()))

    def _finish(self, trial: TrialRecord) -> None:
        before = self.state.records.get(trial.trial_id)
        if trial.status is TrialStatus.FAILED and before is not None and before.has_result:
            # What it had reached when it paused was good, and stays so.
            trial = dataclasses.replace(before, status=TrialStatus.STOPPED, reason=trial.reason, seconds=trial.seconds)
        self._record(trial)
        self._states.tidy()
        self.run.forget_empty(trial.trial_id)
        if not trial.repeat_of:
            write_trials_csv(self.run.trials_csv, self.state.trials)
        self.observer.trial_finished(trial, self.state.best)

    def _keep_limits(self) -> None:
        """Stop what the budget has no more time for, and give up what takes too long."""
        now = self._clock()
        timeout = self.limits.resources.trial_timeout
        for task_id, attempt in self._attempts.items():
            taken = attempt.seconds_taken(at=now)
            is_repeat = bool(attempt.suggestion.repeat_of)
            left = self.limits.seconds_for_repeats() if is_repeat else self.limits.seconds_for_trials()
            is_slow = not is_repeat and self.limits.is_too_slow(attempt, at=now)
            if (left <= 0 or is_slow) and not attempt.stop_reason and self._may_stop(attempt, taken):
                reason = "a retraining would not get through as many of its epochs in time"
                attempt.tell_to_stop("the time of the search was used up" if left <= 0 else reason, at=now)
                attempt.is_out_of_time = True
                self.executor.stop(task_id)
            elif attempt.was_killed:
                continue
            elif timeout is not None and taken > timeout:
                attempt.was_killed = True
                self.executor.kill(task_id, reason=f"it took longer than the trial timeout of {timeout:g} s")
            elif attempt.stop_reason and now - attempt.stopped_at > STOPPING_SECONDS:
                attempt.was_killed = True
                self.executor.kill(task_id, reason=f"it did not stop within {STOPPING_SECONDS:g} s")

    def _may_stop(self, attempt: Attempt, taken: float) -> bool:
        """However short the time is, a search has a first result: stopped before its first step, a trial has none.
        What a worker may take to start is no part of `taken`, so one that never gets there is stopped as well.
        """
        found = self.state.best or self.state.count_epochs(attempt.trial_id)
        return bool(found) or taken > FIRST_STEP_SECONDS

    def _record(self, event: Event) -> None:
        self.journal.append(event, elapsed=self._clock() - self._began)
        self.state.replay(event)

    def _state_folder(self, trial_id: str) -> Path:
        return self.run.weights.resolve() / trial_id
