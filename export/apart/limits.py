"""How long a process that runs a file may take, and how much memory. Standard library only."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

MINUTES = 10
SHARE = 0.75
"""Of the machine's memory."""
_CONTAINER = Path("/sys/fs/cgroup/memory.max")
_PROCESSES = Path("/proc")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """For all that is done with one file. `memory_bytes`: what the process and those that it starts hold; None is
    `SHARE` of the machine's, or of its container's."""

    seconds: float = 60.0 * MINUTES
    memory_bytes: int | None = None

    @property
    def most_bytes(self) -> float:
        """The same as a number; infinite where the amount is unknown."""
        return self.memory_bytes if self.memory_bytes is not None else SHARE * _all_bytes()


USUAL = Limits()


def can_watch_memory() -> bool:
    """Whether this system shows the memory of other processes."""
    return resident_bytes(os.getpid()) is not None


def resident_bytes(pid: int) -> int | None:
    """What a process and those that it started hold in memory; None where the system does not say."""
    try:
        pages = int((_PROCESSES / f"{pid}/statm").read_text().split()[1])
        children = [
            int(child) for task in (_PROCESSES / f"{pid}/task").iterdir() for child in _read_words(task / "children")
        ]
    except (OSError, IndexError, ValueError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(resident_bytes(child) or 0 for child in children)


def _read_words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        # The thread ended, or the system does not list a process's children.
        return []


def _all_bytes() -> float:
    try:
        machine = float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return float("inf")
    try:
        return min(machine, float(_CONTAINER.read_text()))
    except (OSError, ValueError):
        return machine
