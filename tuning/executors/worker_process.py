"""A worker as its parent sees it: started, spoken to, and ended for certain."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuning.environment.keras_settings import settings
from tuning.executors.worker import Setup
from tuning.training.checkpoint import SECONDS_APART

_ROOT = Path(__file__).resolve().parent.parent.parent
_PROGRAM = (
    "import sys; sys.path.insert(0, {root!r}); from tuning.executors.worker import main; main({handle}, {parent})"
)
SECONDS_TO_END = 5.0


def setup_for(job: Path, *, threads: int, seconds_apart: float = SECONDS_APART) -> Setup:
    """What a worker is given before it starts; `job` is the folder that keeps what it loads."""
    return Setup(
        path=tuple(sys.path),
        job=job.resolve(),
        threads=threads,
        seconds_apart=seconds_apart,
        keras=settings(),
    )


class WorkerProcess:
    """A new Python process of the same interpreter, which a pipe leads to that no other process can open.

    It is neither forked, which TensorFlow does not survive, nor started by `multiprocessing`, which would run the main
    script again: a script without a guard and a notebook can be a parent. `first_memory_bytes`: what it held after its
    first task.
    """

    def __init__(self, setup: Setup, *, environment: Mapping[str, str], log: Path) -> None:
        """`environment`: in addition to this process's. `log`: the file that gets what it prints."""
        self.first_memory_bytes: int | None = None
        self.pipe, theirs = multiprocessing.Pipe()
        handle = theirs.fileno()
        program = _PROGRAM.format(root=str(_ROOT), handle=handle, parent=os.getpid())
        with theirs, log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", program],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                **_own_group(handle),
            )
        self._sentinel = _sentinel(self._process)
        self.send(setup)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    @property
    def waitables(self) -> list[Any]:
        """What `multiprocessing.connection.wait` finds ready when the worker said something or ended."""
        return [self.pipe] if self._sentinel is None else [self.pipe, self._sentinel]

    def send(self, message: object) -> None:
        """Tell it something; a worker that ended is noticed elsewhere."""
        with contextlib.suppress(OSError):
            self.pipe.send(message)

    def read_messages(self) -> list[Any]:
        """All that it said by now; None comes last if it ended, or can't say anything any more."""
        said: list[Any] = []
        try:
            while self.pipe.poll():
                said.append(self.pipe.recv())
        except (EOFError, OSError):
            return [*said, None]
        return said if self.is_alive else [*said, None]

    def how_it_ended(self) -> str:
        """How it ended by itself, for a record."""
        try:
            code = self._process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            return "its worker no longer answered"
        if code >= 0:
            return f"its worker ended with exit code {code}"
        with contextlib.suppress(ValueError):
            return f"its worker was ended by {signal.Signals(-code).name}"
        return f"its worker was ended by signal {-code}"

    def end(self) -> None:
        """Kill it, and what it started, whatever it does. Safe to repeat."""
        # Until it is waited for, its number can't be another process's.
        if self._process.returncode is None:
            if os.name == "nt":
                self._process.kill()
            else:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self.pipe.close()
        if self._sentinel is not None and os.name != "nt":
            os.close(self._sentinel)
        self._sentinel = None


def _own_group(handle: int) -> dict[str, Any]:
    """The worker inherits the pipe alone, and a terminal's Ctrl-C does not reach it."""
    if sys.platform == "win32":
        os.set_handle_inheritable(handle, True)
        startup = subprocess.STARTUPINFO(lpAttributeList={"handle_list": [handle]})
        return {"startupinfo": startup, "creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"pass_fds": [handle], "process_group": 0}


def _sentinel(process: subprocess.Popen[bytes]) -> int | None:
    """A handle that is ready once the process ended, where there is one; else the end of the pipe has to do."""
    if sys.platform == "win32":
        return int(process._handle)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return os.pidfd_open(process.pid)
    return None
