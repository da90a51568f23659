"""One hostile file or fault as a case: how the folder is prepared, the command, and the answer that is expected."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from scripts.benches.hostility.goods import Goods


class AttackKind(StrEnum):
    """What is attacked; one module of cases each."""

    PUBLICATION = "publication"
    PROGRAMS = "programs"
    CODE = "code"
    LIES = "lies"
    OUTPUT = "output"
    INPUT = "input"
    TERMINAL = "terminal"
    SETUP = "setup"
    LEFTOVERS = "leftovers"
    MACHINE = "machine"


@dataclass(frozen=True, kw_only=True)
class CasePlace:
    """Where a case happens. `folder`: empty at first, the command's current folder; `goods`: right things to copy."""

    folder: Path
    goods: Goods

    @property
    def temporary(self) -> Path:
        """What TMPDIR names."""
        return self.folder.parent / "tmp"

    @property
    def home(self) -> Path:
        """What HOME names."""
        return self.folder.parent / "home"


@dataclass(frozen=True, kw_only=True)
class Attack:
    """`name` says what is wrong, as the end of a sentence that begins with the kind.

    `prepare` makes what the command meets, and returns the command: a script's name with its arguments
    (`["verify.py", "artifacts"]`), or any other program with its arguments. `codes`: exit codes that are right; `says`:
    a regular expression that the output must hold, on stdout or stderr. `changes`: names in the folder that the command
    may make or change (`../tmp/NAME`: where TMPDIR is); nothing else may differ afterwards, there or elsewhere. `check`
    returns what else is wrong afterwards, one sentence each. `seconds`: the most that the command may take; more than
    usual only where the right answer is a whole search, export or installation. `slow`: not among the tests.
    `needs_root`: it can be prepared by root only.
    """

    kind: AttackKind
    name: str
    prepare: Callable[[CasePlace], Sequence[str | Path]]
    codes: tuple[int, ...]
    says: str = ""
    changes: tuple[str, ...] = ()
    check: Callable[[CasePlace, subprocess.CompletedProcess[str]], Sequence[str]] | None = None
    seconds: float = 10.0
    slow: bool = False
    needs_root: bool = False
    needs_linux: bool = False
