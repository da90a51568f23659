"""A process that ends with the one that started it, however that ends. Standard library only."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_DIE_WITH_PARENT = 1


def die_with(parent: int) -> None:
    """Have the system kill this process with its parent, where it can: a loop in native code and a stopped process read
    no pipe.

    Linux only. It counts the death of the thread that started the process as the parent's.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    # It may have ended before.
    if os.getppid() != parent:
        os._exit(1)
