"""A process that dies by SIGKILL at a file operation of its own: none of its handlers or `finally` can run."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

_EVENTS = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "shutil.rmtree", "shutil.copyfile"}
_WRITING = set("wax+")


def kill_at(operation: int) -> None:
    """Kill this process when it begins the operation of that number, counted from now on and from 1.

    An operation is what changes files, as the audit events of Python 3.11 name it: nothing can switch that off.
    """
    begun = 0

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal begun
        opens = event == "open" and isinstance(arguments[1], str) and bool(_WRITING & set(arguments[1]))
        if event not in _EVENTS and not opens:
            # Among them is `os.kill`, below.
            return
        begun += 1
        if begun == operation:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
