"""The child: answers calls that come over a pipe, one at a time."""

from __future__ import annotations

import errno
import json
import pickle
import tempfile
import traceback
from importlib import import_module
from typing import Any, BinaryIO

from export.child_process import leave_out_what_keras_wraps
from export.errors import InputError, UnrunnableError, VerificationError

REFUSALS = {"input": InputError, "unrunnable": UnrunnableError, "verification": VerificationError}
"""What the parent raises again."""


def main(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer requests, (`module:name`, arguments, folder for temporary files), until they end."""
    leave_out_what_keras_wraps()
    while True:
        try:
            name, arguments, tempfile.tempdir = pickle.load(requests)
        except EOFError:
            return
        replies.write(json.dumps(_answer(name, arguments)).encode() + b"\n")
        replies.flush()


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
