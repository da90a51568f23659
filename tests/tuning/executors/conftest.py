"""What tests of executors share: a small job, tasks of it, and a way to run them to their end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import keras
import pytest

from tuning.executors.by_name import executor_class
from tuning.executors.interface import EpochEnded, Executor, Lost, Report, Task, TaskEnded, Workplace
from tuning.plugins.user_callbacks import TrialContext
from tuning.settings import Schedule, TrainingPlan, TrainingSettings

LONGEST_WAIT = 120.0


class Misbehaves(keras.callbacks.Callback):
    """Does in an epoch what the name of the run asks for: `hang:1` hangs at the end of the second epoch."""

    def __init__(self, run: str) -> None:
        super().__init__()
        self._what, _, epoch = run.partition(":")
        self._epoch = int(epoch or 0)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if epoch == self._epoch:
            _ACTS.get(self._what, lambda: None)()
            if self._what == "nan":
                self.model.set_weights([weight * float("nan") for weight in self.model.get_weights()])


def _raise(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


_ACTS = {
    "hang": lambda: time.sleep(3600),
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "frozen": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "exits": lambda: os._exit(3),
    "memory": _raise(MemoryError()),
    "raises": _raise(RuntimeError("it is\nbroken" + "!" * 400)),
    "leaves": _raise(SystemExit(3)),
}


def misbehaving(context: TrialContext) -> list[keras.callbacks.Callback]:
    """A callback factory."""
    return [Misbehaves(context.run)]


def noting(context: TrialContext) -> keras.callbacks.Callback:
    """A callback factory that writes the trial's id into its folder."""
    note = context.folder / f"{context.trial_id}.txt"
    return keras.callbacks.LambdaCallback(on_train_begin=lambda logs: note.write_text(str(os.getpid())))


@dataclass(kw_only=True)
class Bench:
    """An executor, tasks for it, and all that it reported."""

    executor: Executor
    plan: TrainingPlan
    folder: Path
    reports: list[Report] = field(default_factory=list)
    _count: int = 0

    def task(self, *, does: str = "nothing", state: str = "", **values: Any) -> Task:
        """A task of its own name; `does`: what it does wrong, see Misbehaves."""
        self._count += 1
        task_id = f"{self.folder.name}-{self._count}"
        context = TrialContext(
            run=does,
            trial_id=task_id,
            hyperparameters=self.plan.hyperparameters,
            folder=self.folder,
            run_folder=self.folder,
        )
        usual = {"task_id": task_id, "plan": self.plan, "context": context, "until": self.plan.settings.epochs}
        return Task(**{**usual, "state": self.folder / (state or task_id) / "state", **values})

    def ends(self, *tasks: Task, answer: Callable[[Report], bool] = lambda report: True) -> list[TaskEnded | Lost]:
        """Submit the tasks and poll until all of them ended; how they did, in the order of `tasks`."""
        for task in tasks:
            self.executor.submit(task)
        return self.polled([task.task_id for task in tasks], answer)

    def end(self, task: Task, answer: Callable[[Report], bool] = lambda report: True) -> Any:
        """The same for one task."""
        return self.ends(task, answer=answer)[0]

    def polled(
        self, task_ids: list[str], answer: Callable[[Report], bool] = lambda report: True
    ) -> list[TaskEnded | Lost]:
        def deliver(report: Report) -> bool:
            self.reports.append(report)
            return answer(report)

        end = time.monotonic() + LONGEST_WAIT
        ended: dict[str, TaskEnded | Lost] = {}
        while set(task_ids) - set(ended):
            assert time.monotonic() < end, f"no end of {set(task_ids) - set(ended)}: {self.reports}"
            self.executor.poll(deliver, seconds=1)
            ended = {report.task_id: report for report in self.reports if isinstance(report, TaskEnded | Lost)}
        return [ended[task_id] for task_id in task_ids]

    def numbers(self, task: Task) -> list[int]:
        """The numbers of the epochs that were reported of a task."""
        return [
            report.number
            for report in self.reports
            if isinstance(report, EpochEnded) and report.task_id == task.task_id
        ]

    def kinds(self, task: Task) -> list[type]:
        """The kinds of reports of a task, in order."""
        return [type(report) for report in self.reports if report.task_id == task.task_id]


def build(hp: Any) -> keras.Model:
    """A model that is quickly traced, or one with all that a state has to carry."""
    inner = [keras.layers.BatchNormalization(), keras.layers.Dropout(0.3)] if hp.Boolean("full") else []
    hidden = keras.layers.Dense(hp.Int("units", 4, 8))
    last = keras.layers.Dense(10, activation="softmax")
    layers = [keras.Input((28, 28, 1)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), hidden, *inner, last]
    model = keras.Sequential(layers)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture(scope="session")
def short_plan() -> TrainingPlan:
    """Three epochs of a model that is quickly traced."""
    settings = TrainingSettings(epochs=3, schedule=Schedule.CONSTANT)
    return TrainingPlan(hyperparameters={"full": False, "units": 4}, settings=settings, seed=5)


@pytest.fixture(scope="session")
def full_plan() -> TrainingPlan:
    """Batch normalization, dropout, Adam, a schedule."""
    settings = TrainingSettings(epochs=3)
    return TrainingPlan(hyperparameters={"full": True, "units": 4}, settings=settings, seed=5)


@pytest.fixture(scope="session")
def workplace(search_data: Any) -> Workplace:
    from tuning.models.user_model import UserModel

    return Workplace(
        builder=UserModel(build, search_data),
        training=search_data.training,
        validation=search_data.validation,
        factories=(misbehaving, noting),
    )


@pytest.fixture(scope="session")
def executors(workplace: Workplace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Executor]]:
    """Name → executor of up to two workers, warm for all tests that need it."""
    made: dict[str, Executor] = {}

    def call(name: str) -> Executor:
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            made[name] = executor_class(name).of(workplace, workers=2, folder=folder, seconds_apart=0.0)
        return made[name]

    yield call
    for executor in made.values():
        executor.close()


@pytest.fixture
def bench_of(
    executors: Callable[[str], Executor], short_plan: TrainingPlan, tmp_path: Path
) -> Iterator[Callable[[str], Bench]]:
    """Name → bench of that executor, on which nothing is left running afterwards."""
    benches: list[Bench] = []

    def call(name: str) -> Bench:
        benches.append(Bench(executor=executors(name), plan=short_plan, folder=tmp_path))
        return benches[-1]

    yield call
    for bench in benches:
        for number in range(bench._count):
            bench.executor.kill(f"{tmp_path.name}-{number + 1}", reason="its test is over")
        bench.executor.poll(lambda report: True, seconds=0.0)


@pytest.fixture
def warm(bench_of: Callable[[str], Bench]) -> Bench:
    """Two warm worker processes."""
    return bench_of("processes")


@pytest.fixture
def here(workplace: Workplace, short_plan: TrainingPlan, tmp_path: Path) -> Bench:
    """This process."""
    from tuning.executors.places.in_process import InThisProcess

    return Bench(executor=InThisProcess(workplace, seconds_apart=0.0), plan=short_plan, folder=tmp_path)


@pytest.fixture
def shorter() -> Callable[[TrainingPlan, int], TrainingPlan]:
    """The plan with so many epochs."""
    return lambda plan, epochs: replace(plan, settings=replace(plan.settings, epochs=epochs))
