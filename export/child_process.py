"""A process of this project's own code, as its parent sees it: started, asked over a pipe, and ended for certain.

Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, Any, cast

from tuning.parent_process import die_with

_ROOT = Path(__file__).resolve().parent.parent
_PROGRAM = "import sys; sys.path.insert(0, {root!r}); from export.child_process import serve; serve({main!r}, {parent})"
_SECONDS_TO_END = 5.0


@dataclass(frozen=True, kw_only=True)
class ProcessEnd:
    """How a process ended. `code`: less than 0 is a signal's number; `last_words`: what it wrote last to its error
    output, in brackets behind a space, else empty."""

    code: int
    last_words: str

    @property
    def reason(self) -> str:
        """`exit code 3`, `SIGKILL`, or `signal 50` for one without a name."""
        if self.code >= 0:
            return f"exit code {self.code}"
        with contextlib.suppress(ValueError):
            return signal.Signals(-self.code).name
        return f"signal {-self.code}"


class ChildProcess:
    """A new Python process that runs the function `main`, `module:name`, of this project.

    It is called with two binary files, of the requests and of the replies; it returns when the requests end. The
    process finds no module in the current folder, hears no Ctrl-C of the terminal, and is killed when its parent ends.
    """

    def __init__(self, main: str, *, environment: Mapping[str, str]) -> None:
        """`environment`: in addition to this process's."""
        options: dict[str, Any] = {"process_group": 0} if os.name != "nt" else {}
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 closed by `end`
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM.format(root=str(_ROOT), main=main, parent=os.getpid())],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            **options,
        )
        self._requests = cast("IO[bytes]", self._process.stdin)
        self.replies = cast("IO[bytes]", self._process.stdout)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def send(self, request: Any) -> None:
        """Pickle the request into its pipe. Raises OSError if it ended."""
        pickle.dump(request, self._requests)
        self._requests.flush()

    def kill(self) -> None:
        """Kill it and what it started. Safe to repeat."""
        if os.name == "nt":
            self._process.kill()
            return
        # The group outlives its leader, if what that started still runs.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def wait(self) -> ProcessEnd:
        """How it ended, once it closed its end of the pipe; one that still runs some seconds later is killed."""
        try:
            code = self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self.kill()
            code = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read()[-2000:].decode(errors="replace").strip().splitlines()
        return ProcessEnd(code=code, last_words=f" ({lines[-1][:200]})" if lines else "")

    def end(self) -> None:
        """Kill it, whatever it does, and what it started. Safe to repeat."""
        self.kill()
        self._process.wait()
        for pipe in (self._requests, self.replies):
            # What could not be sent to a process that ended is lost with it.
            with contextlib.suppress(OSError):
                pipe.close()
        self._errors.close()


def leave_out_what_keras_wraps() -> None:
    """Keep Keras, which TensorFlow loads, from loading scikit-learn and matplotlib for wrappers that nothing here uses:
    that takes a third of the seconds in which TensorFlow loads. Not for processes that run code of a user's."""
    absent: Any = dict.fromkeys(("sklearn", "matplotlib"))
    sys.modules.update(absent)


def serve(main: str, parent: int) -> None:
    """In the child: run `main`. What native code prints goes to the error output, not among the replies."""
    die_with(parent)
    # Ctrl-C is the parent's, which then ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    module, _, function = main.partition(":")
    with os.fdopen(os.dup(1), "wb") as replies:
        os.dup2(2, 1)
        getattr(import_module(module), function)(sys.stdin.buffer, replies)
