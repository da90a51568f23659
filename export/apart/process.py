"""The child as its parent sees it: asked, watched, and one for many files."""

from __future__ import annotations

import atexit
import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

from export.apart.limits import Limits
from export.apart.server import REFUSALS
from export.apart.watching import watch_process
from export.artifact import Format
from export.child_process import ChildProcess
from export.errors import UnrunnableError

FILES = 30
"""So many for one process; TensorFlow keeps memory of each."""


class Apart(ChildProcess):
    """A Python process that calls functions of this project and answers with what JSON can say."""

    def __init__(self) -> None:
        self.files = 0
        self._asked = 0
        # Answers are compared with what the processor computes.
        super().__init__(
            "export.apart.server:main", environment={"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        )

    @property
    def can_go_on(self) -> bool:
        return self.is_alive and self.files < FILES

    def ask(self, name: str, *arguments: Any) -> None:
        """Let it call the function `module:name` in the background; the next `call` raises what it raised."""
        self._asked += 1
        # Where it ended already, there is no answer either, and `call` says so.
        with contextlib.suppress(OSError):
            self.send((name, arguments, tempfile.gettempdir()))

    def call(self, name: str, *arguments: Any, file: Path, limits: Limits) -> Any:
        """What the function `module:name` answers. `file`: what it is about, for a sentence.

        Raises InputError and VerificationError as the function does, UnrunnableError if the process ends, takes too
        long, or takes too much memory, OSError for a full disk, and RuntimeError for any other failure.
        """
        self.files += 1
        result = None
        with watch_process(self.pid, limits, end=self.kill) as found:
            try:
                self.ask(name, *arguments)
                lines = [self.replies.readline() for _ in range(self._asked)]
            except BaseException:
                self.end()
                raise
        self._asked = 0
        for line in lines:
            if not line.endswith(b"\n"):
                ending = self.wait()
                ended = f"ended the process that ran it with {ending.reason}{ending.last_words}"
                raise UnrunnableError(f"{file} {found[0] if found else ended}")
            result = _result(line)
        return result


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
