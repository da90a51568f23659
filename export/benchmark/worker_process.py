"""A process that is measured, as the one that measures sees it."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import TypeVar

from export.apart.limits import Limits
from export.apart.watching import watch_process
from export.benchmark.messages import Failed, Reply, Request
from export.child_process import ChildProcess

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

_Reply = TypeVar("_Reply", bound=Reply)


class WorkerError(Exception):
    """A process can't do what it was asked for, ended, or does not answer; the message is for a table's row."""


class BenchmarkProcess(ChildProcess):
    """A new Python process that measures one candidate. It sees no GPU."""

    def __init__(self, *, threads: int, environment: Mapping[str, str]) -> None:
        """`environment`: in addition to this process's."""
        limits = {name: str(threads) for name in _THREADS}
        # model.export writes one of two ONNX graphs, by the seed that strings are hashed with. Of the default model
        # this one gives the smaller, 22 nodes instead of 28.
        settled = {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONHASHSEED": "1"}
        super().__init__("export.benchmark.worker:serve", environment={**limits, **settled, **environment})

    def ask(self, request: Request, kind: type[_Reply], *, limits: Limits) -> _Reply:
        """The reply, which is a `kind`. Raises WorkerError if there is none within the limits."""
        with watch_process(self.pid, limits, end=self.kill) as found:
            try:
                self.send(request)
                reply: Reply = pickle.load(self.replies)
            # A process that is killed within a reply leaves half of it.
            except (OSError, EOFError, pickle.UnpicklingError) as error:
                ending = self.wait()
                ended = f"{'was ended by' if ending.code < 0 else 'ended with'} {ending.reason}{ending.last_words}"
                raise WorkerError(f"its process {found[0] if found else ended}") from error
        if isinstance(reply, Failed):
            raise WorkerError(reply.reason)
        if not isinstance(reply, kind):
            raise TypeError(f"{type(request).__name__} was answered with {type(reply).__name__}, not {kind.__name__}")
        return reply
