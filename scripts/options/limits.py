"""`--time-limit` and `--memory-limit`: how long a process that runs a published file may take, and how much memory."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from export.apart.limits import MINUTES, SHARE
from export.errors import InputError

if TYPE_CHECKING:
    from export.apart.limits import Limits

_UNITS = {"M": 2**20, "G": 2**30}
_FEWEST_BYTES = 64 * 2**20


def add_limit_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--time-limit",
        metavar="TIME",
        help=f"end what runs a file after so long, like 90s or 1h (default: {MINUTES}m a file)",
    )
    parser.add_argument(
        "--memory-limit",
        metavar="SIZE",
        help=f"end what runs a file when it takes more, like 500MiB or 2GiB (default: {SHARE:.0%}% of the machine's)",
    )


def read_limits(arguments: argparse.Namespace) -> Limits:
    """What the options say. Raises InputError for what can't be read, or kept here."""
    from export.apart.limits import Limits, can_watch_memory
    from tuning.errors import InputError as TuningError
    from tuning.loop.budget import parse_duration

    usual = Limits()
    try:
        seconds = usual.seconds if arguments.time_limit is None else parse_duration(arguments.time_limit)
    except TuningError as error:
        raise InputError(f"--time-limit: {error}") from error
    memory_bytes = None if arguments.memory_limit is None else _parse_size(arguments.memory_limit)
    if memory_bytes is not None and not can_watch_memory():
        raise InputError("--memory-limit needs a system that tells the memory of other processes, as Linux does")
    return Limits(seconds=seconds, memory_bytes=memory_bytes)


def _parse_size(text: str) -> int:
    """Bytes of `500MiB` or `1.5GiB`, with or without the last letters."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)([MG])(?:iB|B)?", text)
    size = int(float(match[1]) * _UNITS[match[2]]) if match is not None else 0
    if size < _FEWEST_BYTES:
        raise InputError(f"--memory-limit must be 64MiB or more, like 500MiB or 2GiB, got {text!r}")
    return size
