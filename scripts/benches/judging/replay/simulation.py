"""A search whose trainings are looked up in a table, on a clock that only they move."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from scripts.benches.judging.replay.table import CurveTable, RecordedCurve, TableEntry
from tuning.data.split import Split
from tuning.executors.interface import (
    Deliver,
    EpochEnded,
    Executor,
    Lost,
    ModelBuilt,
    Report,
    Task,
    TaskEnded,
    Workplace,
)
from tuning.records import Epoch, TrialRecord
from tuning.settings import Configuration, Schedule, TrainingPlan, TrainingSettings
from tuning.space.drawing import Drawing, Drawn, Otherwise
from tuning.space.known_space import KnownSpace
from tuning.space.points import Point
from tuning.space.recording import RecordingHyperParameters
from tuning.training.own_fit import OwnFit


@dataclass
class Clock:
    """Simulated seconds."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


class TableBuilder:
    """Asks for the table's hyperparameters, and builds nothing."""

    name = "the table"
    fixed: Mapping[str, Any] = {}
    own_fit: OwnFit | None = None
    keeps_validation = asks_by_building = False
    probed: Split | None = None
    reports: tuple[str, ...] = ("val_loss",)

    def __init__(self, table: CurveTable) -> None:
        self._table = table

    def ask(self, hp: RecordingHyperParameters) -> None:
        """All of them, the first configuration's values by default."""
        default = self.default_configuration()
        for name, domain in self._table.ranges.items():
            if name in default:
                hp.ask(name, domain, default[name])

    def described_space(self) -> dict[str, str]:
        return {name: str(domain) for name, domain in self._table.ranges.items()}

    def default_configuration(self) -> Configuration:
        return self._table.entries[0].hyperparameters

    def trial_settings(self, epochs: int) -> TrainingSettings:
        return TrainingSettings(epochs=epochs, schedule=Schedule.CONSTANT)

    def retraining_settings(self, winner: TrialRecord, *, epochs_to_best: int, examples: int) -> TrainingSettings:
        return winner.settings

    def build_model(self, plan: TrainingPlan) -> Any:
        raise NotImplementedError("a simulated training builds nothing")

    def feed_of(self, model: Any) -> Any:
        raise NotImplementedError("a simulated training builds nothing")

    def custom_objects_of(self, model: Any) -> dict[str, Any]:
        return {}


class TableSpace(KnownSpace):
    """Samples configurations of the table that were not taken."""

    def __init__(self, table: CurveTable) -> None:
        super().__init__()
        self._table = table
        self.taken: set[int] = set()

    @property
    def is_exhausted(self) -> bool:
        return len(self.taken) == len(self._table.entries)

    def add(self, point: Point) -> None:
        super().add(point)
        entry = self._table.nearest(point.values)
        if entry.hyperparameters == point.values:
            self.taken.add(entry.number)

    def sample(self, choose: Any) -> Configuration:
        """The nearest one to what is chosen."""
        values = {name: choose(name, domain) for name, domain in self._table.ranges.items()}
        return self._table.nearest(values, but=self.taken if not self.is_exhausted else frozenset()).hyperparameters

    def sample_new(self, choosers: Any) -> list[Configuration]:
        """All of them: there are fewer than are usually sampled."""
        return [entry.hyperparameters for entry in self._table.entries if entry.number not in self.taken]


class TableDrawer:
    """Draws configurations of the table: the nearest ones to what is wanted, else any that was not taken.

    What an oracle of another library wants is taken as it is.
    """

    is_concurrent = False

    def __init__(self, table: CurveTable, space: KnownSpace) -> None:
        self._table, self._space = table, space
        self._drawing = Drawing()

    def begin(self, drawing: Drawing) -> None:
        self._drawing = drawing

    def result(self, *, wait: bool) -> Drawn | None:
        wanted, ranges = self._drawing.wanted, self._table.ranges
        if self._drawing.is_final:
            asked = {**self._table.entries[0].hyperparameters, **wanted}
            values = {name: asked[name] for name in ranges if name in asked}
            return Drawn(point=Point(values=values, ranges={name: ranges[name] for name in values}))
        assert isinstance(self._space, TableSpace)
        left = [entry for entry in self._table.entries if entry.number not in self._space.taken]
        if wanted:
            entry = self._table.nearest(wanted, but=self._space.taken)
        elif self._drawing.otherwise is Otherwise.RANDOM:
            entry = random.Random(self._drawing.seed).choice(left)
        else:
            entry = left[0]
        return Drawn(point=point_of(entry, self._table))

    def close(self) -> None:
        """Nothing runs."""


def point_of(entry: TableEntry, table: CurveTable) -> Point:
    values = {name: entry.hyperparameters[name] for name in table.ranges if name in entry.hyperparameters}
    return Point(values=values, ranges={name: table.ranges[name] for name in values})


@dataclass
class _Running:
    task: Task
    entry: TableEntry
    curve: RecordedCurve
    epochs: list[Epoch]
    is_built: bool = False
    stops: bool = False


@dataclass
class SimulatedPlace:
    """Workers that look a training up. `starting_seconds`: what building a model takes, for every attempt.

    `seed` decides which of a configuration's trainings its trial is; repeats are the others.
    """

    table: CurveTable
    clock: Clock
    workers: int = 1
    starting_seconds: float = 0.0
    seed: int = 0
    is_apart: ClassVar[bool] = True
    _running: dict[str, _Running] = field(default_factory=dict)
    _events: list[tuple[float, int, str]] = field(default_factory=list)
    _reached: dict[str, list[Epoch]] = field(default_factory=dict)
    _count: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    def of(cls, workplace: Workplace, *, workers: int | None, folder: Path, seconds_apart: float = 0.0) -> Executor:
        raise NotImplementedError("a table is no workplace")

    def submit(self, task: Task) -> None:
        if len(self._running) >= self.workers:
            raise ValueError(f"task {task.task_id} must wait: all workers are busy")
        entry = self.table.nearest(task.plan.hyperparameters)
        _, _, repeat = task.context.trial_id.partition(".")
        curve = entry.curves[(self.seed + int(repeat or 0)) % len(entry.curves)]
        epochs = list(self._reached.get(task.context.trial_id, ()))
        self._running[task.task_id] = _Running(task=task, entry=entry, curve=curve, epochs=epochs)
        self._push(self.starting_seconds, task.task_id)

    def poll(self, deliver: Deliver, *, seconds: float) -> None:
        """Hand over what comes next, however long that takes."""
        while self._events:
            at, _, task_id = heapq.heappop(self._events)
            running = self._running.get(task_id)
            if running is not None:
                self.clock.now = max(self.clock.now, at)
                self._advance(running, deliver)
                return
        self.clock.now += seconds

    def stop(self, task_id: str) -> None:
        if task_id in self._running:
            self._running[task_id].stops = True
            self._push(0.0, task_id)

    def kill(self, task_id: str, *, reason: str) -> None:
        if task_id in self._running:
            self._end(task_id, Lost(task_id=task_id, reason=reason), lambda report: True)

    def close(self) -> None:
        self._running.clear()

    def _push(self, seconds: float, task_id: str) -> None:
        heapq.heappush(self._events, (self.clock.now + seconds, next(self._count), task_id))

    def _advance(self, running: _Running, deliver: Deliver) -> None:
        """The next thing that the task has to tell: that its model stands, an epoch, or its end."""
        task, epochs = running.task, running.epochs
        if running.stops or len(epochs) >= task.until:
            self._finish(running, deliver)
            return
        if not running.is_built:
            running.is_built = True
            goes_on = deliver(ModelBuilt(task_id=task.task_id, parameters=running.entry.parameters))
        else:
            epochs.append(_epoch(running.curve, len(epochs)))
            self._reached[task.context.trial_id] = list(epochs)
            goes_on = deliver(EpochEnded(task_id=task.task_id, number=len(epochs), epoch=epochs[-1]))
        running.stops |= not goes_on
        is_over = running.stops or len(epochs) >= task.until
        self._push(0.0 if is_over else running.curve.seconds[len(epochs)], task.task_id)

    def _finish(self, running: _Running, deliver: Deliver) -> None:
        task, epochs = running.task, tuple(running.epochs)
        is_stopped = running.stops and len(epochs) < task.until
        ended = TaskEnded(
            task_id=task.task_id,
            hyperparameters=task.plan.hyperparameters,
            epochs=epochs,
            result_epoch=max(len(epochs) - 1, 0),
            parameters=running.entry.parameters,
            macs=None,
            stopped=is_stopped,
            failure="",
        )
        self._end(task.task_id, ended, deliver)

    def _end(self, task_id: str, report: Report, deliver: Deliver) -> None:
        del self._running[task_id]
        deliver(report)


def _epoch(curve: RecordedCurve, index: int) -> Epoch:
    return Epoch(
        loss=None,
        accuracy=None,
        val_loss=curve.val_loss[index],
        val_accuracy=None,
        learning_rate=0.0,
        seconds=curve.seconds[index],
    )
