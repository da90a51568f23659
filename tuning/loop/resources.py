"""What a search may use: time, processes, memory of a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tuning.errors import InputError
from tuning.executors.by_name import executor_names, make_executor
from tuning.executors.drawers import Drawer, DrawerHere, DrawingProcess
from tuning.executors.interface import Executor, Workplace
from tuning.loop.budget import Budget
from tuning.plugins.user_callbacks import CallbackFactory
from tuning.space.known_space import KnownSpace


@dataclass(frozen=True, kw_only=True)
class Resources:
    """How trials are run.

    `workers`: processes that train at the same time; None: one for each core, or for each GPU; 0: trials train in this
    process, one after the other, for debugging and for models that can't be sent to another process.
    `trial_timeout`: seconds after which an attempt at a trial is given up; None: only the budget ends one.
    `keep_states`: bytes on disk that the states of paused trials may take; those of the worst ones go first.
    `factories` make Keras callbacks for each trial. `place`: the name of a file in `tuning/executors/places`; None:
    `processes`, or `in_process` where there are no workers. `make_executor` puts a place of the caller's own there; it
    gets what all trials share, and a folder for its files.
    """

    budget: Budget = field(default_factory=lambda: Budget(None))
    workers: int | None = None
    trial_timeout: float | None = None
    keep_states: int = 2 * 10**9
    factories: tuple[CallbackFactory, ...] = ()
    place: str | None = None
    make_executor: Callable[[Workplace, Path], Executor] | None = None

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 0:
            raise ValueError(f"workers must be 0 or more, got {self.workers}")
        if self.trial_timeout is not None and self.trial_timeout <= 0:
            raise ValueError(f"trial_timeout must be above 0, got {self.trial_timeout}")
        if self.keep_states < 0:
            raise ValueError(f"keep_states must be 0 or more, got {self.keep_states}")
        if self.place is not None and self.place not in executor_names():
            raise InputError(f"unknown executor {self.place}: choose one of {', '.join(executor_names())}")

    def executor(self, workplace: Workplace, folder: Path) -> Executor:
        """Where the trials run. `folder`, which must exist, keeps what it needs meanwhile."""
        if self.make_executor is not None:
            return self.make_executor(workplace, folder)
        usual = "in_process" if self.workers == 0 else "processes"
        name = self.place if self.place is not None else usual
        return make_executor(name, workplace, workers=self.workers, folder=folder)

    def drawer(self, workplace: Workplace, space: KnownSpace, folder: Path) -> Drawer:
        """Where configurations are drawn: beside the trials where that takes as long as building a model."""
        if self.workers == 0 or not workplace.builder.asks_by_building:
            return DrawerHere(workplace.builder, space)
        return DrawingProcess(workplace, space, folder=folder)
