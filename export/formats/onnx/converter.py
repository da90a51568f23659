"""A process of its own in which ONNX is made: the same bytes every time, and no memory that tf2onnx loses stays.

What tf2onnx writes depends on the order in which Python walks through sets, which only a fixed hash seed fixes, and
that can't be set for a process that runs.
"""

from __future__ import annotations

import atexit
import pickle
import threading
from typing import Any

from export.child_process import ChildProcess
from export.errors import InputError

CONVERSIONS = 40
"""So many by one process; each leaves some memory behind."""


class ConversionError(InputError):
    """A model can't be made into ONNX. `node`: of the graph, at which that was found; None if that is not known."""

    def __init__(self, reason: str, *, node: str | None) -> None:
        super().__init__(reason)
        self.node = node


class OnnxConverter:
    """The process as its parent sees it: started when needed, or earlier with `start`; it ends with its parent."""

    def __init__(self) -> None:
        self._process: ChildProcess | None = None
        self._conversions = 0
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start it, unless it runs: loading TensorFlow takes some seconds, which others can use meanwhile."""
        if self._process is not None and self._process.is_alive and self._conversions < CONVERSIONS:
            return
        self.stop()
        self._conversions = 0
        self._process = ChildProcess(
            "export.formats.onnx.maker:main", environment={"PYTHONHASHSEED": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}
        )

    def stop(self) -> None:
        """End it; nothing to do is fine."""
        process, self._process = self._process, None
        if process is not None:
            process.end()

    def make(self, what: str, **arguments: Any) -> bytes:
        """The ONNX file that `onnx_making.MAKERS[what]` makes of the arguments.

        Raises ConversionError with the reason if it can't be made, InputError if the process was ended from outside.
        """
        with self._lock:
            self.start()
            process = self._process
            assert process is not None
            self._conversions += 1
            try:
                process.send((what, arguments))
                made, reason, node = pickle.load(process.replies)
            except (EOFError, OSError, pickle.UnpicklingError) as error:
                code = process.wait().code
                self.stop()
                raise InputError(
                    f"the process that makes ONNX ended with exit code {code} before it was done: free some memory "
                    "and export again"
                ) from error
        if made is None:
            raise ConversionError(reason, node=node)
        content: bytes = made
        return content


CONVERTER = OnnxConverter()
"""The one of this process."""

atexit.register(CONVERTER.stop)
