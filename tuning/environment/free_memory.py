"""How much memory an array may take before this machine, or the container that this process is in, has no more."""

from __future__ import annotations

import math
import re
from pathlib import Path

_MACHINE = Path("/proc/meminfo")
_CONTAINERS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def free_memory() -> float:
    """Bytes that are available to new processes, at most the container's limit; infinite where nothing says it."""
    limits = [int(text) for path in _CONTAINERS if (text := _text(path).strip()).isdecimal()]
    found = re.search(r"^MemAvailable:\s+(\d+) kB$", _text(_MACHINE), re.MULTILINE)
    return min([math.inf, *limits, *([] if found is None else [int(found[1]) * 1024])])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""
