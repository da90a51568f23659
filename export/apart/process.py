"""The child as its parent sees it: started, asked, watched, and ended for certain."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any, cast

from export.apart.limits import Limits
from export.apart.server import REFUSALS
from export.apart.watching import watched
from export.artifact import Format
from export.errors import UnrunnableError

FILES = 30
"""So many for one process; TensorFlow keeps memory of each."""
_SECONDS_TO_END = 5.0
_ROOT = Path(__file__).resolve().parent.parent.parent
_PROGRAM = "import sys; sys.path.insert(0, {root!r}); from export.apart.server import main; main({parent})"


class Apart:
    """A Python process that calls functions of this project and answers with what JSON can say."""

    def __init__(self) -> None:
        self.files = 0
        self._asked = 0
        options: dict[str, Any] = {"process_group": 0} if os.name != "nt" else {}
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 closed by `end`
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM.format(root=str(_ROOT), parent=os.getpid())],
            # Answers are compared with what the processor computes.
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            **options,
        )
        self._requests = cast("IO[bytes]", self._process.stdin)
        self._replies = cast("IO[bytes]", self._process.stdout)

    @property
    def can_go_on(self) -> bool:
        return self._process.poll() is None and self.files < FILES

    def ask(self, name: str, *arguments: Any) -> None:
        """Let it call the function `module:name` in the background; the next `call` raises what it raised."""
        self._asked += 1
        # Where it ended already, there is no answer either, and `call` says so.
        with contextlib.suppress(OSError):
            pickle.dump((name, arguments, tempfile.gettempdir()), self._requests)
            self._requests.flush()

    def call(self, name: str, *arguments: Any, file: Path, limits: Limits) -> Any:
        """What the function `module:name` answers. `file`: what it is about, for a sentence.

        Raises InputError and VerificationError as the function does, UnrunnableError if the process ends, takes too
        long, or takes too much memory, OSError for a full disk, and RuntimeError for any other failure.
        """
        self.files += 1
        result = None
        with watched(self._process.pid, limits, end=self._kill) as found:
            try:
                self.ask(name, *arguments)
                lines = [self._replies.readline() for _ in range(self._asked)]
            except BaseException:
                self.end()
                raise
        self._asked = 0
        for line in lines:
            if not line.endswith(b"\n"):
                ended = self._how_it_ended()
                raise UnrunnableError(f"{file} {found[0] if found else ended}")
            result = _result(line)
        return result

    def end(self) -> None:
        """Kill it and what it started. Safe to repeat."""
        self._kill()
        self._process.wait()
        for pipe in (self._requests, self._replies):
            with contextlib.suppress(OSError):
                pipe.close()
        self._errors.close()

    def _kill(self) -> None:
        if os.name == "nt":
            self._process.kill()
            return
        # The group outlives its leader, if what that started still runs.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _how_it_ended(self) -> str:
        try:
            code = self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            # It closed its end of the pipe and still runs.
            self._kill()
            code = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read()[-2000:].decode(errors="replace").strip().splitlines()
        said = f" ({lines[-1][:200]})" if lines else ""
        if code < 0:
            with contextlib.suppress(ValueError):
                return f"ended the process that ran it with {signal.Signals(-code).name}{said}"
        return f"ended the process that ran it with exit code {code}{said}"


def _result(line: bytes) -> Any:
    """What a reply says that the function answered. Raises what it raised."""
    reply = json.loads(line)
    if "refused" in reply:
        raise REFUSALS[reply["kind"]](reply["refused"])
    if "full" in reply:
        raise OSError(*reply["full"])
    if "failed" in reply:
        raise RuntimeError(f"{reply['failed']}\n{reply['traceback']}")
    return reply["result"]


_RUNNING: dict[Format, Apart] = {}


def process_for(kind: Format) -> Apart:
    """The process for files of the format: that of earlier files, or a new one."""
    process = _RUNNING.get(kind)
    if process is not None and process.can_go_on:
        return process
    if process is not None:
        process.end()
    _RUNNING[kind] = Apart()
    return _RUNNING[kind]


def end_all() -> None:
    """End them all."""
    while _RUNNING:
        _RUNNING.popitem()[1].end()


atexit.register(end_all)
