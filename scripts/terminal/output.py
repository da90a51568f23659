"""Standard output and standard error that may fail: the work continues, and the exit code is that of the answer.

A pipe that was closed, a full disk and a terminal that lacks a character are no reason to give a search up. What can't
be written is dropped, and remembered; what can't be encoded is written in ASCII.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import select
import sys
import unicodedata
import warnings
from collections.abc import Iterator
from typing import Any, TextIO

from tuning.plain_names import readable

BROKEN_PIPE = 141
"""What a shell reports of a process that SIGPIPE ended."""

_ERRORS = "keras_tune_export_stand_in"
_STAND_INS = str.maketrans(
    {
        **dict.fromkeys("Δδ", "d"),
        **dict.fromkeys("×", "x"),
        **dict.fromkeys("−–—‐‑━╸╺", "-"),
        **dict.fromkeys("‘’‚′", "'"),
        **dict.fromkeys("“”„″", '"'),
        **dict.fromkeys("·•", "."),
        **dict.fromkeys("█▉▊▋▌", "#"),
        **dict.fromkeys("▍▎▏", "-"),
        "÷": "/",
        "±": "+-",
        "≤": "<=",
        "≥": ">=",
        "≠": "!=",
        "≈": "~",
        "→": "->",
        "ß": "ss",
        "µ": "u",
    }
)


class LastingFile(io.RawIOBase):
    """A file that drops everything from its first failure on. `raw`: the file itself; `failure`: that one, or None."""

    def __init__(self, raw: Any, *, failure: OSError | None = None) -> None:
        self.raw = raw
        self.failure = failure

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return bool(self.raw.isatty())

    def fileno(self) -> int:
        return int(self.raw.fileno())

    def write(self, data: Any) -> int:
        """All of it, also where the file takes a part at a time."""
        left = memoryview(data)
        while self.failure is None and left:
            try:
                written = self.raw.write(left)
                if written is None:  # a pipe that does not block is full
                    select.select([], [self.fileno()], [])
                left = left[written or 0 :]
            except OSError as error:
                self.failure = error
                self._let_others_write()
        return len(data)

    def _let_others_write(self) -> None:
        """Native code and new processes have the same file, and would stumble over it, too."""
        with contextlib.suppress(OSError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)


def make_lasting() -> None:
    """Let `sys.stdout` and `sys.stderr` be streams that never raise, also where there was none."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # It gets this number; the next file that is opened would, and hold what others print.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    codecs.register_error(_ERRORS, _stand_in)
    sys.stdout = _lasting(sys.stdout, 1)
    sys.stderr = _lasting(sys.stderr, 2)
    warnings.formatwarning = _warning


@contextlib.contextmanager
def stdout_aside() -> Iterator[None]:
    """Let everything that is printed go to standard error, also by native code and by new processes."""
    sys.stdout.flush()
    saved = os.dup(1)
    try:
        os.dup2(2, 1)
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)


def failure_of(stream: Any) -> OSError | None:
    """Why the stream could not be written to; None if it could."""
    return getattr(getattr(stream, "buffer", None), "failure", None)


def plain_ascii(text: str) -> str:
    """The text where nothing but ASCII can be shown: `d` for Δ, `e` for é, else escapes."""
    return "".join(_plain_ascii(one) for one in text)


def _lasting(stream: TextIO | None, descriptor: int) -> TextIO:
    if stream is None:
        closed = OSError(errno.EBADF, os.strerror(errno.EBADF))
        raw, encoding = io.FileIO(descriptor, "wb", closefd=False), "utf-8"
        return _text(LastingFile(raw, failure=closed), encoding)
    binary = getattr(stream, "buffer", None)
    if binary is None:
        return stream
    stream.flush()
    return _text(LastingFile(getattr(binary, "raw", binary)), stream.encoding)


def _text(file: LastingFile, encoding: str) -> TextIO:
    # It needs no more of a buffer than this.
    buffer: Any = file
    return io.TextIOWrapper(buffer, encoding=encoding, errors=_ERRORS, line_buffering=True)


def _warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """On one line: libraries warn of names that they found in files."""
    return readable(f"{filename}:{lineno}: {category.__name__}: {' '.join(str(message).split())}") + "\n"


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return plain_ascii(error.object[error.start : error.end]), error.end


def _plain_ascii(character: str) -> str:
    translated = character.translate(_STAND_INS)
    if translated.isascii():
        return translated
    if "\u2800" <= character <= "\u28ff":  # of rich's spinner
        return "*"
    base = "".join(one for one in unicodedata.normalize("NFKD", character) if not unicodedata.combining(one))
    return base if base and base.isascii() else ascii(character)[1:-1]
