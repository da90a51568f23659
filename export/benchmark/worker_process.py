"""A process that is measured, as the one that measures sees it: started, asked, and ended for certain."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, TypeVar, cast

from export.apart.limits import Limits
from export.apart.watching import watched
from export.benchmark.messages import Failed, Reply, Request

_ROOT = Path(__file__).resolve().parent.parent.parent
_PROGRAM = f"import sys; sys.path.insert(0, {str(_ROOT)!r}); from export.benchmark.worker import main; main()"
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

_Reply = TypeVar("_Reply", bound=Reply)


class WorkerError(Exception):
    """A process can't do what it was asked for, ended, or does not answer; the message is for a table's row."""


class BenchmarkProcess:
    """A new Python process that measures one candidate. It sees no GPU, and ends when this object's process does."""

    def __init__(self, *, threads: int, environment: Mapping[str, str]) -> None:
        """`environment`: in addition to this process's."""
        limits = {name: str(threads) for name in _THREADS}
        # model.export writes one of two ONNX graphs, by the seed that strings are hashed with. Of the default model
        # this one gives the smaller, 22 nodes instead of 28.
        settled = {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONHASHSEED": "1"}
        options: dict[str, Any] = {"process_group": 0} if os.name != "nt" else {}
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 closed by `end`
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM],
            env={**os.environ, **limits, **settled, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            **options,
        )
        self._requests = cast("IO[bytes]", self._process.stdin)
        self._replies = cast("IO[bytes]", self._process.stdout)

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, request: Request, kind: type[_Reply], *, limits: Limits) -> _Reply:
        """The reply, which is a `kind`. Raises WorkerError if there is none within the limits."""
        with watched(self.pid, limits, end=self._process.kill) as found:
            try:
                pickle.dump(request, self._requests)
                self._requests.flush()
                reply: Reply = pickle.load(self._replies)
            # A process that is killed within a reply leaves half of it.
            except (OSError, EOFError, pickle.UnpicklingError) as error:
                ended = self._how_it_ended()
                raise WorkerError(f"its process {found[0]}" if found else ended) from error
        if isinstance(reply, Failed):
            raise WorkerError(reply.reason)
        if not isinstance(reply, kind):
            raise TypeError(f"{type(request).__name__} was answered with {type(reply).__name__}, not {kind.__name__}")
        return reply

    def end(self) -> None:
        """Kill it, whatever it does. Safe to repeat."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for pipe in (self._requests, self._replies):
            # What could not be sent to a process that ended is lost with it.
            with contextlib.suppress(OSError):
                pipe.close()
        self._errors.close()

    def _how_it_ended(self) -> str:
        code = self._process.wait()
        if code >= 0:
            return f"its process ended with exit code {code}{self._last_words()}"
        with contextlib.suppress(ValueError):
            return f"its process was ended by {signal.Signals(-code).name}"
        return f"its process was ended by signal {-code}"

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return f" ({lines[-1][:200]})" if lines else ""
