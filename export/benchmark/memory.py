"""The most memory that this process has held."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_memory_bytes() -> int | None:
    """The largest resident set so far, in bytes; None where the system does not say.

    On Linux from /proc: `ru_maxrss` there begins with what the parent held when it started this process.
    """
    if sys.platform == "linux":
        found = re.search(r"^VmHWM:\s+(\d+) kB$", _STATUS.read_text(encoding="ascii"), re.MULTILINE)
        return int(found[1]) * 1024 if found else None
    if sys.platform == "win32":
        if importlib.util.find_spec("psutil") is None:
            return None
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    # Bytes on macOS, KiB everywhere else.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
