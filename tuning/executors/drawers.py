"""Where configurations are drawn: in this very process, or in one of their own that builds while workers train."""

from __future__ import annotations

import time
from multiprocessing import connection
from pathlib import Path
from typing import Any, Protocol

from tuning.data.search_data import sample
from tuning.environment.devices import worker_environment
from tuning.errors import InputError
from tuning.executors.interface import Workplace
from tuning.executors.shared_job import write_job
from tuning.executors.worker import AskedFor, DrawFinished, DrawRefused, Order, Unusable
from tuning.executors.worker_process import WorkerProcess, setup_for
from tuning.space.drawing import BuildOutcome, Drawing, Drawn, draw
from tuning.space.known_space import KnownSpace
from tuning.space.points import Point
from tuning.training.builder import ModelBuilder

LONGEST_SECONDS = 600.0


class Drawer(Protocol):
    """Draws one configuration at a time. `is_concurrent`: while this process does something else."""

    @property
    def is_concurrent(self) -> bool: ...

    def begin(self, drawing: Drawing) -> None:
        """Start; `result` has to be taken before the next one."""

    def result(self, *, wait: bool) -> Drawn | None:
        """What was drawn; None where that is not there yet, which `wait` waits for. Raises InputError as `draw`."""

    def close(self) -> None:
        """End whatever runs. Safe to repeat."""


class DrawerHere:
    """Draws in this process, when the result is asked for."""

    is_concurrent = False

    def __init__(self, builder: ModelBuilder, space: KnownSpace) -> None:
        self._builder, self._space = builder, space
        self._drawing = Drawing()

    def begin(self, drawing: Drawing) -> None:
        self._drawing = drawing

    def result(self, *, wait: bool) -> Drawn | None:
        return draw(self._builder, self._drawing, self._space)

    def close(self) -> None:
        """Nothing runs."""


class DrawingProcess:
    """Draws in a process of its own, which starts with the first drawing and stays.

    It says what it was asked for before it answers, so that a builder which hangs, or takes the process down with it,
    costs the configuration that did so and no other.
    """

    is_concurrent = True

    def __init__(self, workplace: Workplace, space: KnownSpace, *, folder: Path) -> None:
        """Write what the process needs. `workplace`: its builder is all that is used of it.

        `folder`: gets a part for this drawer, and `workers.log`. Raises InputError for a model that can't be sent to
        another process, OSError.
        """
        job = folder / "drawing"
        job.mkdir()
        self._space, self._log = space, folder / "workers.log"
        self._setup = setup_for(job, threads=1)
        self._worker: WorkerProcess | None = None
        self._told = 0
        self._began = 0.0
        self._asked: Point | None = None
        few = sample(workplace.training, 1)
        write_job(Workplace(builder=workplace.builder, training=few, validation=few), job)

    def begin(self, drawing: Drawing) -> None:
        if self._worker is None or not self._worker.is_alive:
            self._start()
        assert self._worker is not None
        news = tuple(self._space.points[self._told :])
        self._told = len(self._space.points)
        self._began, self._asked = time.monotonic(), None
        self._worker.send(Order(drawing=drawing, news=news, lists_reals=self._space.lists_reals))

    def result(self, *, wait: bool) -> Drawn | None:
        while True:
            assert self._worker is not None
            left = self._began + LONGEST_SECONDS - time.monotonic()
            if wait and left > 0:
                connection.wait(self._worker.waitables, left)
            for message in self._worker.read_messages():
                found = self._take(message)
                if found is not None:
                    return found
            if left <= 0:
                return self._give_up(f"it took longer than {LONGEST_SECONDS:g} s to build a model")
            if not wait:
                return None

    def close(self) -> None:
        if self._worker is not None:
            self._worker.end()
        self._worker = None

    def _start(self) -> None:
        self.close()
        # A model is built to see what it asks for: no GPU has to make room for that.
        environment = {**worker_environment(0, threads=self._setup.threads, gpus=()), "CUDA_VISIBLE_DEVICES": "-1"}
        self._worker = WorkerProcess(self._setup, environment=environment, log=self._log)
        self._told = 0

    def _take(self, message: Any) -> Drawn | None:
        match message:
            case AskedFor(point=point):
                self._asked = point
            case DrawFinished(drawn=drawn):
                return drawn
            case DrawRefused(sentence=sentence):
                raise InputError(sentence)
            case Unusable(failure=failure):
                raise InputError(
                    f"a process that builds models can't load the model ({failure}): fix that, or train in this "
                    "process with workers=0"
                )
            case None:
                assert self._worker is not None
                return self._give_up(f"{self._worker.how_it_ended()} while it built a model")
        return None

    def _give_up(self, reason: str) -> Drawn:
        self.close()
        if self._asked is None:
            raise InputError(
                f"no model can be built: {reason} (what it printed is in workers.log); train in this process with "
                "workers=0 to see why"
            )
        return Drawn(point=self._asked, outcome=BuildOutcome.FAILED, reason=reason)
