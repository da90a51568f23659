"""The child: answers calls that come over a pipe, one at a time, and ends with its parent."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import pickle
import signal
import sys
import tempfile
import traceback
from importlib import import_module
from typing import Any

from export.errors import InputError, UnrunnableError, VerificationError

REFUSALS = {"input": InputError, "unrunnable": UnrunnableError, "verification": VerificationError}
"""What the parent raises again."""
_DIE_WITH_PARENT = 1


def main(parent: int) -> None:
    """Serve whoever started this process. What native code prints goes to the error output, not among the replies."""
    _die_with(parent)
    # Ctrl-C is the parent's, which then ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as replies:
        os.dup2(2, 1)
        while True:
            try:
                name, arguments, tempfile.tempdir = pickle.load(sys.stdin.buffer)
            except EOFError:
                return
            print(json.dumps(_answer(name, arguments)), file=replies, flush=True)


def _answer(name: str, arguments: Any) -> dict[str, Any]:
    """What the function `module:name` answers to the arguments, or why it does not."""
    module, _, function = name.partition(":")
    try:
        return {"result": getattr(import_module(module), function)(*arguments)}
    except (InputError, VerificationError) as error:
        return {"refused": str(error), "kind": next(kind for kind in REFUSALS if isinstance(error, REFUSALS[kind]))}
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            return {"failed": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
        return {"full": [error.errno, error.strerror, error.filename]}
    # Whatever a runtime or this project fails in on a file is the parent's to report.
    except Exception as error:  # noqa: BLE001
        return {"failed": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}


def _die_with(parent: int) -> None:
    """Be killed when the parent ends, however it does; a loop in native code reads no pipe."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    # It may have ended before.
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
