"""A worker process: sets itself up once, then trains one task after the other, until it is killed.

Only the standard library is imported before it is known how: threads and devices are fixed when TensorFlow starts.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import pickle
import queue
import signal
import sys
import threading
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from tuning.native_output import hold_back
from tuning.parent_process import die_with

if TYPE_CHECKING:
    from tuning.executors.interface import Report, Task, Workplace
    from tuning.space.drawing import Drawing, Drawn
    from tuning.space.known_space import KnownSpace
    from tuning.space.points import Point


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What a worker is given before it starts. `path`: where Python looks for modules. `keras`: Keras's settings."""

    path: tuple[str, ...]
    job: Path
    threads: int
    seconds_apart: float
    keras: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """To a worker: train this."""

    task: Task


@dataclass(frozen=True, kw_only=True)
class Order:
    """To a worker: draw this, in the space of which it gets what is `news` to it."""

    drawing: Drawing
    news: tuple[Point, ...]
    lists_reals: bool


@dataclass(frozen=True, kw_only=True)
class Reply:
    """To a worker: whether the task that waits is to go on."""

    goes_on: bool


@dataclass(frozen=True, kw_only=True)
class Stop:
    """To a worker: end this task after its current step."""

    task_id: str


@dataclass(frozen=True, kw_only=True)
class Said:
    """From a worker: a report, and after the last one of a task its resident memory in bytes."""

    report: Report
    memory_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class AskedFor:
    """From a worker: what the model builder asked for so far."""

    point: Point


@dataclass(frozen=True, kw_only=True)
class DrawFinished:
    """From a worker: what was drawn."""

    drawn: Drawn


@dataclass(frozen=True, kw_only=True)
class DrawRefused:
    """From a worker: why nothing more can be drawn."""

    sentence: str


@dataclass(frozen=True, kw_only=True)
class Unusable:
    """From a worker: why it can't load what all tasks have in common, in one line and in full."""

    failure: str
    traceback: str


def main(handle: int, parent: int) -> None:
    """Serve the parent process at the other end of the pipe `handle`."""
    die_with(parent)
    # Ctrl-C is the parent's, which then ends its workers as it sees fit.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    pipe = _pipe(handle)
    setup = pipe.recv()
    mailbox = _Mailbox(pipe)
    sys.path[:] = setup.path
    with hold_back():
        workplace = _workplace(setup)
    if isinstance(workplace, Unusable):
        # Into the log of the workers, as the parent shows one line only.
        print(workplace.traceback, file=sys.stderr, flush=True)
        pipe.send(workplace)
        return
    mailbox.open()
    # All that was imported stays: looking through it after every task would take longer than the rest of the overhead.
    gc.collect()
    gc.freeze()
    serve(workplace, setup, mailbox)


def serve(workplace: Workplace, setup: Setup, mailbox: _Mailbox) -> NoReturn:
    """Do one thing after the other that the parent wants done."""
    space: KnownSpace | None = None
    while True:
        wanted = mailbox.tasks.get()
        if isinstance(wanted, Order):
            space = space if space is not None else _known_space(wanted)
            mailbox.pipe.send(_draw(workplace, wanted, space, mailbox.pipe))
        else:
            mailbox.pipe.send(_train(workplace, wanted, setup, mailbox))


def _known_space(order: Order) -> KnownSpace:
    from tuning.space.known_space import KnownSpace

    return KnownSpace(lists_reals=order.lists_reals)


def _draw(workplace: Workplace, order: Order, space: KnownSpace, pipe: Any) -> DrawFinished | DrawRefused:
    from tuning.environment.graph_memory import forget_graphs
    from tuning.errors import InputError
    from tuning.space.drawing import draw

    for point in order.news:
        space.add(point)
    try:
        drawn = draw(workplace.builder, order.drawing, space, on_asked=lambda point: pipe.send(AskedFor(point=point)))
    except InputError as error:
        return DrawRefused(sentence=str(error))
    forget_graphs()
    return DrawFinished(drawn=drawn)


def _train(workplace: Workplace, task: Task, setup: Setup, mailbox: _Mailbox) -> Said:
    import psutil

    from tuning.environment.graph_memory import forget_graphs
    from tuning.executors.task_run import RunningTask
    from tuning.training.checkpoint import Checkpoint

    def tell(report: Report) -> bool:
        mailbox.pipe.send(Said(report=report))
        return mailbox.answers.get().goes_on if task.waits else True

    end = RunningTask(
        workplace=workplace,
        task=task,
        checkpoint=Checkpoint(folder=task.state, seconds_apart=setup.seconds_apart),
        tell=tell,
        should_stop=lambda: task.task_id in mailbox.stopped,
    ).run()
    forget_graphs()
    return Said(report=end, memory_bytes=psutil.Process().memory_info().rss)


class _Mailbox:
    """Receives what the parent says in a thread of its own, and ends the process once there is no parent.

    Nothing is read of it before `open`: to read a message, modules are imported, which must not happen in two threads
    that import the same ones in another order.
    """

    def __init__(self, pipe: Any) -> None:
        self.pipe = pipe
        self.tasks: queue.SimpleQueue[Task | Order] = queue.SimpleQueue()
        self.answers: queue.SimpleQueue[Reply] = queue.SimpleQueue()
        self.stopped: set[str] = set()
        self._unread: list[bytes] = []
        self._is_open = False
        self._lock = threading.Lock()
        threading.Thread(target=self._receive, daemon=True).start()

    def open(self) -> None:
        """Read what arrived so far, and from now on whatever arrives."""
        with self._lock:
            for message in self._unread:
                self._read(message)
            self._unread.clear()
            self._is_open = True

    def _receive(self) -> None:
        try:
            while True:
                message = self.pipe.recv_bytes()
                with self._lock:
                    if self._is_open:
                        self._read(message)
                    else:
                        self._unread.append(message)
        except (EOFError, OSError):
            pass
        finally:
            # The main thread may hang in native code: nothing gentler ends it.
            os._exit(1)

    def _read(self, message: bytes) -> None:
        match pickle.loads(message):
            case Assignment(task=task):
                self.tasks.put(task)
            case Order() as order:
                self.tasks.put(order)
            case Stop(task_id=task_id):
                self.stopped.add(task_id)
            case Reply() as answer:
                self.answers.put(answer)


def _workplace(setup: Setup) -> Workplace | Unusable:
    import tensorflow as tf

    from tuning.environment.devices import prepare_gpus
    from tuning.environment.keras_settings import take_defaults, take_over
    from tuning.executors.shared_job import read_job
    from tuning.failures import describe_failure, traceback_of

    tf.config.threading.set_intra_op_parallelism_threads(setup.threads)
    tf.config.threading.set_inter_op_parallelism_threads(setup.threads)
    tf.get_logger().setLevel("ERROR")
    prepare_gpus()
    take_defaults()
    try:
        workplace = read_job(setup.job)
    # It holds a user's own code.
    except (Exception, SystemExit) as error:  # noqa: BLE001
        return Unusable(failure=describe_failure(error), traceback=traceback_of(error))
    # The user's file, which was run again by this, may have set them half.
    take_over(setup.keras)
    return workplace


def _pipe(handle: int) -> Any:
    if sys.platform == "win32":
        return connection.PipeConnection(handle)
    os.set_inheritable(handle, False)
    return connection.Connection(handle)
