"""Tasks in this very process: for a debugger, and for what can't be sent to another process."""

from __future__ import annotations

import time
from pathlib import Path

from tuning.executors.interface import Deliver, Lost, Report, Task, TaskEnded, Workplace
from tuning.executors.task_run import RunningTask
from tuning.training.checkpoint import SECONDS_APART, Checkpoint


class InThisProcess:
    """An executor of one worker: this thread. `poll` trains a submitted task to its end.

    So a task is stopped or killed from within `deliver` alone, and a hung one hangs everything.
    """

    is_apart = False
    workers = 1

    def __init__(self, workplace: Workplace, *, seconds_apart: float = SECONDS_APART) -> None:
        """`seconds_apart`: how much of a task's work may be lost with it."""
        self._workplace = workplace
        self._seconds_apart = seconds_apart
        self._task: Task | None = None
        self._stops = False
        self._killed: str | None = None

    @classmethod
    def of(
        cls, workplace: Workplace, *, workers: int | None, folder: Path, seconds_apart: float = SECONDS_APART
    ) -> InThisProcess:
        """One worker, however many are asked for; it needs no folder."""
        return cls(workplace, seconds_apart=seconds_apart)

    def submit(self, task: Task) -> None:
        """Note the task. Raises ValueError if there is one already."""
        if self._task is not None:
            raise ValueError(f"task {task.task_id} must wait: the only worker runs another one")
        self._task, self._stops, self._killed = task, False, None

    def poll(self, deliver: Deliver, *, seconds: float) -> None:
        """Train the submitted task; without one, wait."""
        task = self._task
        if task is None:
            time.sleep(seconds)
            return
        killed = self._killed
        end = self._run(task, deliver) if killed is None else Lost(task_id=task.task_id, reason=killed)
        self._task = None
        deliver(end)

    def stop(self, task_id: str) -> None:
        if self._task is not None and self._task.task_id == task_id:
            self._stops = True

    def kill(self, task_id: str, *, reason: str) -> None:
        if self._task is not None and self._task.task_id == task_id and self._killed is None:
            self._killed = reason

    def close(self) -> None:
        self._task = None

    def _run(self, task: Task, deliver: Deliver) -> TaskEnded | Lost:
        def tell(report: Report) -> bool:
            try:
                goes_on = deliver(report)
            except BaseException as error:
                raise _LeftError(error) from error
            if self._killed is not None:
                raise _LeftError(None)
            return goes_on

        attempt = RunningTask(
            workplace=self._workplace,
            task=task,
            checkpoint=Checkpoint(folder=task.state, seconds_apart=self._seconds_apart),
            tell=tell,
            should_stop=lambda: self._stops,
        )
        try:
            return attempt.run()
        except _LeftError as left:
            if left.error is not None:
                raise left.error from None
            assert self._killed is not None
            return Lost(task_id=task.task_id, reason=self._killed)


EXECUTOR = InThisProcess


class _LeftError(BaseException):
    """Leads out of a training, past everything that takes it for a failure of the task."""

    def __init__(self, error: BaseException | None) -> None:
        super().__init__()
        self.error = error
