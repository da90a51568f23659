"""End a process that goes beyond its limits."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from export.apart.limits import Limits, resident_bytes

_SECONDS_APART = 0.05


@contextlib.contextmanager
def watch_process(pid: int, limits: Limits, *, end: Callable[[], None]) -> Iterator[list[str]]:
    """Call `end` once the process goes beyond the limits; the list then holds why, as the end of a sentence."""
    is_over = threading.Event()
    found: list[str] = []

    def watch() -> None:
        latest = time.monotonic() + limits.seconds
        while not is_over.wait(_SECONDS_APART):
            if time.monotonic() > latest:
                found.append(
                    f"was not through after {limits.seconds:g} s: give it more with --time-limit if you trust it"
                )
            elif (resident_bytes(pid) or 0) > limits.most_bytes:
                found.append(
                    f"took more than {limits.most_bytes / 2**20:.0f} MiB of memory: give it more with --memory-limit "
                    "if you trust it"
                )
            if found:
                end()
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        is_over.set()
        thread.join()
