"""What a search needs of a place where trials run, in the shape of `concurrent.futures`.

A task is one attempt at a trial. It is submitted, reports after it was built and after every epoch, and ends exactly
once: `TaskEnded` with what it reached, or `Lost` if the worker did not survive it. The conformance suite in
`tests/tuning/executors` runs for every file in `tuning/executors/places`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from tuning.data.dataset import Split
from tuning.data.folds import Folds
from tuning.plugins.user_callbacks import CallbackFactory, TrialContext
from tuning.records import Epoch
from tuning.settings import Configuration, TrainingPlan
from tuning.training.builder import ModelBuilder
from tuning.training.checkpoint import SECONDS_APART


@dataclass(frozen=True, kw_only=True, eq=False)
class Workplace:
    """What all tasks of a search have in common; a worker gets it once.

    `factories` make the Keras callbacks of each training. `counts_macs`: reports say how many multiply-accumulate
    operations the model needs for an example.
    """

    builder: ModelBuilder
    training: Split
    validation: Split
    factories: tuple[CallbackFactory, ...] = ()
    counts_macs: bool = False
    folds: Folds | None = None

    def split(self, fold: int) -> tuple[Split, Split]:
        """(training, validation) of a task: the usual ones, or those of a fold from 1 on."""
        if fold == 0:
            return self.training, self.validation
        assert self.folds is not None
        return self.folds.split(fold)


@dataclass(frozen=True, kw_only=True)
class Task:
    """One attempt at a trial.

    `task_id`: names it among all tasks of an executor. `until`: the number of epochs, 1 to `plan.settings.epochs`,
    after which the training pauses. `state`: the folder that keeps its state when it pauses, and now and then before,
    so that another task with the same plan resumes there. `waits`: it waits for an answer to each report. `fold`: which
    of the folds validates; 0: the usual split.
    """

    task_id: str
    plan: TrainingPlan
    context: TrialContext
    until: int
    state: Path
    waits: bool = False
    fold: int = 0


@dataclass(frozen=True, kw_only=True)
class ModelBuilt:
    """The model is built and nothing is trained yet. `macs`: None unless they are counted."""

    task_id: str
    parameters: int
    macs: int | None = None


@dataclass(frozen=True, kw_only=True)
class EpochEnded:
    """`number`: how many epochs the trial has had by now, those of earlier tasks included."""

    task_id: str
    number: int
    epoch: Epoch


@dataclass(frozen=True, kw_only=True)
class TaskEnded:
    """The task is over and its worker is free.

    `hyperparameters`: those that had an effect, None where no model came to stand. `epochs`: all of the trial, those of
    earlier tasks included. `stopped`: an answer or `stop` ended it before `until`. `failure`: what went wrong, in one
    line, and `traceback`, else empty. `note`: what is to be known about its value, else empty.
    """

    task_id: str
    hyperparameters: Configuration | None
    epochs: tuple[Epoch, ...]
    result_epoch: int
    parameters: int
    macs: int | None
    stopped: bool
    failure: str
    traceback: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Lost:
    """The worker died, was killed or ran out of memory: `reason`. Another attempt may fare better."""

    task_id: str
    reason: str


Report = ModelBuilt | EpochEnded | TaskEnded | Lost

Deliver = Callable[[Report], bool]
"""Takes a report; whether the task is to go on. The answer to `TaskEnded` and `Lost` has no meaning."""


class Executor(Protocol):
    """Runs at most `workers` tasks at once. Not for use by several threads.

    `is_apart`: tasks run in processes other than this one, so that no task can take this one down.
    """

    is_apart: ClassVar[bool]

    @classmethod
    def of(
        cls, workplace: Workplace, *, workers: int | None, folder: Path, seconds_apart: float = SECONDS_APART
    ) -> Executor:
        """An executor of so many workers; None: as many as there is room for.

        `folder`: of this executor alone. `seconds_apart`: how much of a task's work may be lost with its worker. Raises
        InputError for a model, data or callbacks that can't be sent to where the tasks run, OSError.
        """

    @property
    def workers(self) -> int: ...

    def submit(self, task: Task) -> None:
        """Start the task. Raises ValueError if as many run already as there are workers."""

    def poll(self, deliver: Deliver, *, seconds: float) -> None:
        """Hand over, in this thread, what was reported, after waiting at most so long for the first report.

        An exception of `deliver` comes through; the executor is still good for `close`.
        """

    def stop(self, task_id: str) -> None:
        """End the task after its current step, keeping what it reached: `TaskEnded` follows.

        Unknown tasks are ignored.
        """

    def kill(self, task_id: str, *, reason: str) -> None:
        """End the task at once, whatever it does: `Lost` follows with this reason. Unknown tasks are ignored."""

    def close(self) -> None:
        """End every task and worker at once; nothing is left behind. Safe to repeat."""
