"""Tasks in processes of this machine, side by side: warm, and replaced when they die or grow."""

from __future__ import annotations

import shutil
import time
from collections import deque
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path
from typing import Any

from tuning.environment.devices import default_workers, threads_of_each, visible_gpus, worker_environment
from tuning.errors import InputError
from tuning.executors.interface import Deliver, Lost, Task, TaskEnded, Workplace
from tuning.executors.shared_job import write_job
from tuning.executors.worker import Assignment, Reply, Said, Stop, Unusable
from tuning.executors.worker_process import WorkerProcess, setup_for
from tuning.training.checkpoint import SECONDS_APART

MOST_GROWTH_BYTES = 500 << 20


@dataclass(kw_only=True, eq=False)
class _Seat:
    """The worker of a place, if there is one at the moment, and what it trains, if it does."""

    number: int
    worker: WorkerProcess | None = None
    task: Task | None = None

    def clear(self) -> None:
        if self.worker is not None:
            self.worker.end()
        self.worker = self.task = None


class LocalProcesses:
    """An executor of so many worker processes.

    They start at the first task, all at once, and stay. One that ended, or whose memory grew by more than
    `most_growth_bytes` since its first task, makes way for a new one when a task needs it. They die with this process,
    and with the thread that submitted.
    """

    is_apart = True
    most_growth_bytes = MOST_GROWTH_BYTES

    def __init__(
        self,
        workplace: Workplace,
        *,
        workers: int,
        folder: Path,
        threads: int | None = None,
        seconds_apart: float = SECONDS_APART,
    ) -> None:
        """Write what workers need.

        `folder`: of this executor alone; gets `workers.log`, what they print. `threads` of each worker; None: the
        cores, divided. `seconds_apart`: how much of a task's work may be lost with its worker. Raises InputError for a
        model, data or callbacks that can't be sent to another process, OSError.
        """
        if workers < 1:
            raise ValueError(f"workers must be 1 or more, got {workers}")
        self._threads = threads if threads is not None else threads_of_each(workers)
        self._gpus = visible_gpus()
        self._log = folder / "workers.log"
        self._job = folder / "shared"
        # A killed process could not remove it.
        shutil.rmtree(self._job, ignore_errors=True)
        self._job.mkdir(parents=True)
        self._setup = setup_for(self._job, threads=self._threads, seconds_apart=seconds_apart)
        self._places = [_Seat(number=number) for number in range(workers)]
        self._arrived: deque[tuple[_Seat, WorkerProcess | None, Any]] = deque()
        self._is_closed = self._has_started = False
        try:
            write_job(workplace, self._job)
        except BaseException:
            self.close()
            raise

    @classmethod
    def of(
        cls, workplace: Workplace, *, workers: int | None, folder: Path, seconds_apart: float = SECONDS_APART
    ) -> LocalProcesses:
        """So many, or one for each core or GPU."""
        count = workers if workers is not None else default_workers()
        return cls(workplace, workers=count, folder=folder, seconds_apart=seconds_apart)

    @property
    def workers(self) -> int:
        return len(self._places)

    def pids(self) -> list[int]:
        """The process numbers of the workers that stand."""
        return [place.worker.pid for place in self._places if place.worker is not None]

    def submit(self, task: Task) -> None:
        """Hand the task to a worker, a warm one if there is one. Raises ValueError if all are busy."""
        if self._is_closed:
            raise ValueError(f"task {task.task_id} can't start: the executor is closed")
        free = [place for place in self._places if place.task is None]
        if not free:
            raise ValueError(f"task {task.task_id} must wait: all {self.workers} workers are busy")
        for place in free:
            if place.worker is not None and not place.worker.is_alive:
                place.clear()
            if not self._has_started:
                self._start(place)
        self._has_started = True
        place = min(free, key=lambda place: place.worker is None)
        worker = place.worker if place.worker is not None else self._start(place)
        place.task = task
        worker.send(Assignment(task=task))

    def poll(self, deliver: Deliver, *, seconds: float) -> None:
        """Hand over what workers report. Raises InputError if a worker can't load the model, data or callbacks."""
        if not self._arrived:
            self._receive(seconds)
        while self._arrived:
            place, worker, message = self._arrived.popleft()
            # What a worker said before it was killed no longer counts.
            if worker is place.worker or worker is None:
                self._hand_over(place, message, deliver)

    def stop(self, task_id: str) -> None:
        place = self._where(task_id)
        if place is not None and place.worker is not None:
            place.worker.send(Stop(task_id=task_id))

    def kill(self, task_id: str, *, reason: str) -> None:
        place = self._where(task_id)
        if place is not None:
            place.clear()
            self._arrived.append((place, None, Lost(task_id=task_id, reason=reason)))

    def close(self) -> None:
        self._is_closed = True
        self._arrived.clear()
        for place in self._places:
            place.clear()
        shutil.rmtree(self._job, ignore_errors=True)
        if self._log.exists() and self._log.stat().st_size == 0:
            self._log.unlink()

    def _start(self, place: _Seat) -> WorkerProcess:
        environment = worker_environment(place.number, threads=self._threads, gpus=self._gpus)
        place.worker = WorkerProcess(self._setup, environment=environment, log=self._log)
        return place.worker

    def _where(self, task_id: str) -> _Seat | None:
        return next((place for place in self._places if place.task is not None and place.task.task_id == task_id), None)

    def _receive(self, seconds: float) -> None:
        standing = [(place, place.worker) for place in self._places if place.worker is not None]
        if not standing:
            time.sleep(seconds)
            return
        connection.wait([waitable for _, worker in standing for waitable in worker.waitables], seconds)
        for place, worker in standing:
            self._arrived.extend((place, worker, message) for message in worker.read_messages())

    def _hand_over(self, place: _Seat, message: Any, deliver: Deliver) -> None:
        worker, task = place.worker, place.task
        match message:
            case Lost():
                deliver(message)
            case None:
                reason = "" if worker is None else worker.how_it_ended()
                place.clear()
                if task is not None:
                    deliver(Lost(task_id=task.task_id, reason=reason))
            case Unusable(failure=failure):
                raise InputError(
                    f"a worker process can't load the model, the data or the callbacks ({failure}): fix that, or "
                    "train in this process with workers=0"
                )
            case Said(report=TaskEnded() | Lost() as report, memory_bytes=memory_bytes):
                place.task = None
                if isinstance(report, Lost) or self._has_grown(worker, memory_bytes):
                    place.clear()
                deliver(report)
            case Said(report=report):
                goes_on = deliver(report)
                if place.task is not task or task is None or worker is None:
                    return
                if task.waits:
                    worker.send(Reply(goes_on=goes_on))
                elif not goes_on:
                    self.stop(task.task_id)

    def _has_grown(self, worker: WorkerProcess | None, memory_bytes: int | None) -> bool:
        if worker is None or memory_bytes is None:
            return False
        if worker.first_memory_bytes is None:
            worker.first_memory_bytes = memory_bytes
        return memory_bytes - worker.first_memory_bytes > self.most_growth_bytes


EXECUTOR = LocalProcesses
