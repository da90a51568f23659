"""The scripts in a process that has TensorFlow loaded: a command costs what it does and not what it imports.

Everything else is as a user has it: arguments, the current folder, what is printed, the exit code. Modules that a
command imported from its folder are forgotten after it, so that the next folder's are found.
"""

from __future__ import annotations

import json
import os
import runpy
import select
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


class WarmScripts:
    """A process that runs one command after the other."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(
        self,
        folder: Path,
        *words: object,
        environment: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """A script by its name with its arguments, from this folder.

        `environment` takes the place of the present one. A command that ends its process, or is killed with it after
        `seconds`, has a code below 0; the next one gets a new process.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        arguments = [str(word) for word in words]
        asked = {"folder": str(folder), "arguments": arguments, "environment": dict(environment or os.environ)}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answered, _, _ = select.select([self._process.stdout], [], [], seconds)
        answer = self._process.stdout.readline() if answered else ""
        if not answer:
            self.close()
            code = -abs(self._process.returncode)
            self._start()
            return subprocess.CompletedProcess(arguments, code, "", "the process that ran it is gone")
        return subprocess.CompletedProcess(arguments, **json.loads(answer))

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


def _run(folder: str, arguments: list[str], environment: dict[str, str]) -> dict[str, Any]:
    saved = os.dup(1), os.dup(2)
    kept, temporary = dict(os.environ), tempfile.tempdir
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        os.environ.clear()
        os.environ.update(environment)
        tempfile.tempdir = None
        try:
            code = _exit_code(folder, arguments)
        finally:
            os.environ.clear()
            os.environ.update(kept)
            tempfile.tempdir = temporary
            sys.stdout.flush()
            sys.stderr.flush()
            sys.modules["scripts._temporary"].remove_ended()
            for descriptor, copy in zip((1, 2), saved, strict=True):
                os.dup2(copy, descriptor)
                os.close(copy)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    return {"returncode": code, "stdout": texts[0], "stderr": texts[1]}


def _exit_code(folder: str, arguments: list[str]) -> int:
    os.chdir(folder)
    path = list(sys.path)
    script = SCRIPTS / arguments[0]
    sys.argv = [str(script), *arguments[1:]]
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as left:
        return int(left.code or 0)
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
        return 1
    finally:
        sys.path[:] = path
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None)).startswith(f"{folder}{os.sep}"):
                del sys.modules[name]
    return 0


def _serve() -> None:
    # What the commands print goes elsewhere; this is for the answers alone.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.path[:] = [
        str(SCRIPTS),
        *(entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).parent),
    ]
    import _entry

    _entry.load_tensorflow()
    for line in sys.stdin:
        answers.write(json.dumps(_run(**json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    _serve()
