"""Ordinary commands in unusual surroundings: other variables, another user, a small disk, patched modules."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.benches.hostility.case import CasePlace
from scripts.benches.hostility.running import as_command
from scripts.benches.hostility.usual import RIGHT

NOBODY = 65534


def predict(place: CasePlace) -> list[str]:
    """A command that works, and takes a moment only."""
    return list(RIGHT["predict.py"](place))


def search(place: CasePlace, *more: str) -> list[str]:
    """A search of a moment on the digits."""
    options = ["--dataset", "digits", "--max-trials", "1", "--epochs", "1", "--repeats", "0", "--workers", "0"]
    return ["tune.py", "--run", "new", *options, *more]


def with_variables(words: Sequence[str], *, unset: Sequence[str] = (), **variables: object) -> list[str]:
    """The command with other environment variables."""
    removed = [part for name in unset for part in ("-u", name)]
    return ["env", *removed, *(f"{name}={value}" for name, value in variables.items()), *as_command(words)]


def with_patch(place: CasePlace, words: Sequence[str], patch: str) -> list[str]:
    """The command in a Python, its children too, that runs `patch` before anything else."""
    folder = place.folder / "patched"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(patch, encoding="utf-8")
    return with_variables(words, PYTHONPATH=folder)


def with_mounts(words: Sequence[str], mounts: str) -> list[str]:
    """The command after these mounts, which no other process sees."""
    return ["unshare", "--map-root-user", "--mount", "sh", "-c", f'{mounts} && exec "$@"', "sh", *as_command(words)]


def as_nobody(place: CasePlace, words: Sequence[str]) -> list[str]:
    """The command as a user who owns nothing but the places for what is temporary."""
    place.folder.parent.chmod(0o755)
    for folder in (place.temporary, place.home):
        folder.chmod(0o777)
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *as_command(words)]


def then(place: CasePlace, program: str, *words: str) -> list[str]:
    """A Python program that gets a command's words."""
    del place
    return [sys.executable, "-c", program, *as_command(words)]


def long_folder(parent: Path, length: int) -> Path:
    """A new folder whose path has this many characters."""
    folder = parent
    while (left := length - len(str(folder)) - 1) > 0:
        # No name may be longer than 255, nor may one of a single character be left.
        folder /= "d" * min(left, 100 if left != 101 else 50)
    folder.mkdir(parents=True)
    return folder
