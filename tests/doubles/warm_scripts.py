"""The scripts in processes forked from one that has TensorFlow loaded: a command costs what it does, not its imports.

Everything else is as a user has it: a process of its own with its arguments, folder, environment, exit code and end.
Where processes don't fork safely, each command is a new Python.
"""

from __future__ import annotations

import atexit
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
FORKS = sys.platform == "linux"
LIMIT_SECONDS = 600.0
PRELOADED = ("keras_tuner", "tf2onnx", "onnxslim", "onnxruntime", "ai_edge_litert.interpreter")


class WarmScripts:
    """A process that forks one for each command. Keras looks for its data in `keras_home`."""

    def __init__(self, keras_home: Path) -> None:
        self._keras_home = keras_home
        self._process: subprocess.Popen[str] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """That of a command, if no other one is given."""
        return {**os.environ, "KERAS_HOME": str(self._keras_home)}

    def run(
        self,
        folder: Path,
        *words: object,
        environment: Mapping[str, str] | None = None,
        seconds: float = LIMIT_SECONDS,
    ) -> subprocess.CompletedProcess[str]:
        """A script by its name with its arguments, from this folder.

        `environment`: the whole of it. A command that is killed, after `seconds` at the
        latest, has a code below 0.
        """
        arguments = [str(SCRIPTS / str(words[0])), *map(str, words[1:])]
        given = self.environment if environment is None else environment
        # The command itself is measured as its host is; what its own processes run is measured by tests of that.
        variables = {name: value for name, value in given.items() if not name.startswith("COVERAGE")}
        if not FORKS:
            command = [sys.executable, *arguments]
            return subprocess.run(
                command, cwd=folder, env=variables, capture_output=True, text=True, timeout=seconds, check=False
            )
        asked = {"folder": str(folder), "arguments": arguments, "environment": variables, "seconds": seconds}
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.flush()
        return subprocess.CompletedProcess(arguments, **json.loads(process.stdout.readline()))

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, __file__],
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        return self._process

    def close(self) -> None:
        if self._process is not None:
            # Not killed: what coverage noted is written at its end.
            self._process.communicate()
            self._process = None


def _serve() -> list[str]:
    """Answer every request; in each forked process, the arguments of the command that it is."""
    # What is printed goes elsewhere; this is for the answers alone.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    path = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).parent]
    sys.path[:] = [str(SCRIPTS), *path]
    import _entry

    _entry.load_tensorflow()
    for name in PRELOADED:
        __import__(name)
    del sys.modules["_entry"], sys.modules["scripts._entry"]
    for line in sys.stdin:
        asked = json.loads(line)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = os.fork()
            if process == 0:
                _become(asked, (out.fileno(), err.fileno()))
                sys.path[:] = [str(SCRIPTS), *path]
                return list(asked["arguments"])
            answer = {"returncode": _ended(process, asked["seconds"])}
            for name, file in (("stdout", out), ("stderr", err)):
                file.seek(0)
                answer[name] = file.read().decode(errors="replace")
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    return []


def _become(asked: dict[str, Any], outputs: tuple[int, int]) -> None:
    """Take over the streams, the folder and the environment of a command."""
    for descriptor, number in zip((os.open(os.devnull, os.O_RDONLY), *outputs), (0, 1, 2), strict=True):
        os.dup2(descriptor, number)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    tempfile.tempdir = None


def _ended(process: int, seconds: float) -> int:
    """The exit code of a process, which is killed after so many seconds."""
    signal.signal(signal.SIGALRM, lambda number, frame: os.kill(process, signal.SIGKILL))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _exit_code() -> int:
    """Of the script that `sys.argv` names, run as Python runs it."""
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as left:
        return int(left.code or 0)
    except BaseException:  # noqa: BLE001 as Python itself ends
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.argv = _serve()
    if sys.argv:
        code = _exit_code()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        # Tearing TensorFlow down, which all ends would do, takes longer than a refusal.
        os._exit(code)
