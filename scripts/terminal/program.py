"""How commands are called: as files of a clone by Python, or by the program `keras-tune-export` of an installation."""

from __future__ import annotations

import os
import runpy
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from tuning.errors import InputError
from tuning.names import require_known

NAME = "keras-tune-export"
COMMANDS = {
    "tune": "search hyperparameters, retrain the winner, and evaluate it on the test set",
    "train": "train one configuration",
    "export": "export a run, or any Keras model, as files that are verified to match it",
    "verify": "verify published files again",
    "predict": "predict pictures with published files",
    "benchmark": "measure size and speed of published files",
}
_BAD_INPUT = 2
_installed = False


def main() -> NoReturn:
    """`keras-tune-export COMMAND …` is `python scripts/COMMAND.py …` where there is no clone."""
    global _installed
    words = sys.argv[1:]
    if not words or words[0] in ("-h", "--help"):
        print(f"usage: {NAME} COMMAND [OPTION…]\n")
        for name, what in COMMANDS.items():
            print(f"  {name:<10} {what}")
        print(f"\n{NAME} COMMAND --help lists the options of a command.")
        raise SystemExit(0)
    try:
        require_known(words[0], sorted(COMMANDS), what="command")
    except InputError as error:
        print(error, file=sys.stderr)
        raise SystemExit(_BAD_INPUT) from None
    _installed = True
    folder = Path(__file__).resolve().parent.parent
    script = str(folder / f"{words[0]}.py")
    sys.argv = [script, *words[1:]]
    # Where Python looks first when a command is run as a file.
    sys.path.insert(0, str(folder))
    runpy.run_path(script, run_name="__main__")
    raise SystemExit(0)


def call_of(script: str = "") -> list[str]:
    """The words that call a script, `export.py`, from where this one was called; without a name, this one."""
    name = script if script else Path(sys.argv[0]).name
    if _installed:
        return [NAME, Path(name).stem]
    return ["python", str(Path(sys.argv[0]).parent / name)]


def how_to_install(clone: Path) -> str:
    """The command that installs what a script needs."""
    return f'pip install "{NAME}[full]"' if _installed else f"run {clone / 'scripts/setup'}"


def quote(words: Sequence[str]) -> str:
    """The words as a shell of this system takes them."""
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
