"""An executor whose workers only pretend to train: instantly, in an order drawn at random, with the fates it is given.

It keeps the contract of `tuning.executors.interface`, so that a search can be put through thousands of trials, losses
and interruptions in seconds.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from tuning.executors.interface import Deliver, EpochEnded, Lost, ModelBuilt, Report, Task, TaskEnded
from tuning.oracles.by_name import algorithm_names
from tuning.records import Epoch
from tuning.settings import Configuration

PARAMETERS = 1000
SLOW = ("bayesian", "tpe")
EVERY = [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in algorithm_names()]
"""All algorithms; those whose suggestions take long only where there is time."""


def loss_of(configuration: Configuration, epoch: int, seed: int) -> float:
    """Falls with the epochs; best for a learning rate of 0.008; other seeds differ by a little."""
    rate = float(configuration.get("learning_rate", 0.008))
    noise = random.Random(f"{sorted(configuration.items())} {seed}").uniform(0, 0.02)
    return 0.1 + abs(math.log(rate / 0.008)) / epoch**0.5 + 1 / epoch + noise


@dataclass
class _Worker:
    task: Task
    reports: list[Report] = field(default_factory=list)
    stop: bool = False
    skips: bool = False
    is_built: bool = False
    killed: str = ""


class Simulated:
    """`fates`: trial id → what happens to its attempts in turn: `ok`, `nan`, `error`, `hangs`, `stuck` (before it
    is built), `lost N` (in epoch N).

    `states` outlives the executor, as files would: what was trained of a task whose state was kept. `starting`: so many
    polls pass before a worker stands.
    """

    def __init__(
        self,
        *,
        workers: int = 2,
        seed: int = 0,
        fates: Mapping[str, Sequence[str]] | None = None,
        states: dict[str, list[Epoch]] | None = None,
        starting: int = 0,
    ) -> None:
        self._starting = starting
        self._random = random.Random(seed)
        self._workers = workers
        self._fates = {trial: list(fate) for trial, fate in (fates or {}).items()}
        self._states = states if states is not None else {}
        self._running: dict[str, _Worker] = {}
        self.trained: list[tuple[str, int]] = []
        self.closed = False

    @property
    def workers(self) -> int:
        return self._workers

    def submit(self, task: Task) -> None:
        if len(self._running) >= self._workers:
            raise ValueError("all workers are busy")
        worker = _Worker(task)
        self._running[task.task_id] = worker
        waiting = self._fates.get(task.context.trial_id, [])
        worker.reports = self._story(task, waiting.pop(0) if waiting else "ok")

    def _story(self, task: Task, fate: str) -> list[Report]:
        """Everything that the worker will report unless it is stopped."""
        key = str(task.state)
        epochs = list(self._states.get(key, ()))
        story: list[Report] = [ModelBuilt(task_id=task.task_id, parameters=PARAMETERS, macs=10 * PARAMETERS)]
        lost_in = int(fate.removeprefix("lost ")) if fate.startswith("lost ") else None
        if fate == "stuck":
            return []
        if fate == "hangs":
            return story
        if fate == "error":
            return [*story, self._ended(task, epochs, failure="ValueError: it does not fit")]
        for number in range(len(epochs) + 1, task.until + 1):
            if number == lost_in:
                return [*story, Lost(task_id=task.task_id, reason="its worker was ended by SIGKILL")]
            loss = loss_of(task.plan.hyperparameters, number, task.plan.seed) if fate != "nan" else math.nan
            epoch = Epoch(loss=loss, accuracy=0.5, val_loss=loss, val_accuracy=0.5, learning_rate=0.01, seconds=1.0)
            epochs.append(epoch)
            story.append(EpochEnded(task_id=task.task_id, number=number, epoch=epoch))
            if fate == "nan":
                return [*story, self._ended(task, epochs, failure="the loss became NaN or infinite in epoch 1")]
        return [*story, self._ended(task, epochs)]

    def _ended(self, task: Task, epochs: Sequence[Epoch], *, stopped: bool = False, failure: str = "") -> TaskEnded:
        return TaskEnded(
            task_id=task.task_id,
            hyperparameters=task.plan.hyperparameters,
            epochs=tuple(epochs),
            result_epoch=max(len(epochs) - 1, 0),
            parameters=PARAMETERS,
            macs=10 * PARAMETERS,
            stopped=stopped,
            failure=failure,
        )

    def poll(self, deliver: Deliver, *, seconds: float) -> None:
        ready = [worker for worker in self._running.values() if worker.reports or worker.killed or worker.stop]
        self._starting -= 1
        if not ready or self._starting >= 0:
            return
        worker = self._random.choice(ready)
        key, task = str(worker.task.state), worker.task
        done = self._states.setdefault(key, [])
        if worker.killed:
            self._end(worker, deliver, Lost(task_id=task.task_id, reason=worker.killed))
        elif worker.stop and (done or worker.skips or not worker.is_built):
            self._end(worker, deliver, self._ended(task, done, stopped=True))
        else:
            report = worker.reports.pop(0)
            if isinstance(report, TaskEnded | Lost):
                self._end(worker, deliver, report)
                return
            if isinstance(report, EpochEnded) and report.number > len(done):
                done.append(report.epoch)
                self.trained.append((task.context.trial_id, report.number))
            goes_on = deliver(report)
            worker.is_built = True
            worker.skips = isinstance(report, ModelBuilt) and not goes_on
            worker.stop = worker.stop or not goes_on

    def _end(self, worker: _Worker, deliver: Deliver, report: Report) -> None:
        del self._running[worker.task.task_id]
        deliver(report)

    def stop(self, task_id: str) -> None:
        if task_id in self._running:
            self._running[task_id].stop = self._running[task_id].reports != []

    def kill(self, task_id: str, *, reason: str) -> None:
        if task_id in self._running:
            self._running[task_id].killed = reason

    def close(self) -> None:
        self._running.clear()
        self.closed = True
