"""A process in which only numpy and one runtime can be imported, as its parent sees it; one for many files."""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from export.artifact import Format
from export.formats.format import part_file
from export.formats.saved_model.plain_path import plain_path

SECONDS = 300
FILES = 30
"""So many for one process; TensorFlow keeps memory of each."""
_CHILD = Path(__file__).with_name("isolated.py")


class IsolatedProcess:
    """It ends with its parent, with the first error, and after `FILES` files."""

    def __init__(self, kind: Format, packages: Sequence[str]) -> None:
        self.files = 0
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 as long as the process
        # -I: nothing of this project is on the path.
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(_CHILD), str(part_file(kind, "alone")), json.dumps(list(packages))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            encoding="utf-8",
        )

    @property
    def can_go_on(self) -> bool:
        return self._process.poll() is None and self.files < FILES

    def ask(self, path: Path, inputs: Path, answers: Path) -> None:
        """Let it answer the inputs of one npz file into another. Raises ValueError with the reason if it does not."""
        with plain_path(path) as plain:
            self._ask(json.dumps([str(plain), str(inputs), str(answers)]))

    def _ask(self, question: str) -> None:
        self.files += 1
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        is_late = threading.Event()

        def give_up() -> None:
            is_late.set()
            self._process.kill()

        timer = threading.Timer(SECONDS, give_up)
        timer.start()
        try:
            self._process.stdin.write(question + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except OSError:
            # It ended before it read the line.
            answer = ""
        finally:
            timer.cancel()
        if answer:
            return
        code = self._process.wait()
        if is_late.is_set():
            raise ValueError(f"no answer within {SECONDS} s")
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines() or ["without a word"]
        raise ValueError(f"the process ended with {code}: {lines[-1][:300]}")

    def stop(self) -> None:
        """End it; it may have ended by itself."""
        self._process.kill()
        self._process.communicate()
        self._said.close()


_RUNNING: dict[tuple[Format, tuple[str, ...]], IsolatedProcess] = {}


def isolated_process(kind: Format, packages: Sequence[str]) -> IsolatedProcess:
    """One that can import these packages and nothing else: that of earlier files, or a new one."""
    key = (kind, tuple(packages))
    process = _RUNNING.get(key)
    if process is not None and process.can_go_on:
        return process
    if process is not None:
        process.stop()
    _RUNNING[key] = IsolatedProcess(kind, packages)
    return _RUNNING[key]


def stop_all() -> None:
    """End them all."""
    while _RUNNING:
        _RUNNING.popitem()[1].stop()


atexit.register(stop_all)
