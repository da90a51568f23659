"""Read files that anybody may have put there: regular ones only, and no more of them than is asked for.

A pipe is waited for, a device never ends. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def open_regular(path: Path) -> Iterator[IO[bytes]]:
    """The file, open to be read. Raises ValueError if it is no regular file, OSError as the system does."""
    # Opened before it is looked at, so that both are about one file, and without waiting for what feeds a pipe.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is not a regular file")
        yield file


def read_regular(path: Path, most_bytes: int) -> bytes:
    """All bytes of the file. Raises likewise, and ValueError if there are more than `most_bytes`."""
    with open_regular(path) as file:
        size_bytes = os.fstat(file.fileno()).st_size
        if size_bytes > most_bytes:
            raise ValueError(f"it has {size_bytes} bytes but may have {most_bytes}")
        return file.read(most_bytes)
