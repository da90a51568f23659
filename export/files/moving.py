"""Move and remove files and folders as their owner may, whatever their rights; mounted disks stay untouched."""

from __future__ import annotations

import os
import re
import shutil
import stat
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_PLACE = 4
"""The field of a line that holds the folder; a space in it is written as \\040."""


def move(part: Path, place: Path) -> None:
    """Rename a link, a file or a folder on one disk. A folder that its owner made read-only keeps its mode.

    Raises OSError as the system does.
    """
    try:
        part.rename(place)
    except PermissionError:
        if part.is_symlink() or not part.is_dir():
            raise
        # A folder that moves to another one is itself written to.
        mode = stat.S_IMODE(part.stat().st_mode)
        part.chmod(mode | stat.S_IWUSR)
        try:
            part.rename(place)
        except OSError:
            part.chmod(mode)
            raise
        place.chmod(mode)


def remove(path: Path) -> str:
    """Remove a link, a file, or a folder with all that is in it; without a word if it is not there.

    The answer is the reason why some of it stays, else it is empty.
    """
    try:
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
            return ""
        if mounts_below(path):
            return "a disk is mounted there"
        try:
            shutil.rmtree(path)
        except PermissionError:
            _let_owner_write(path)
            shutil.rmtree(path)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def mounts_below(path: Path) -> list[Path]:
    """The places at the path or below it at which other disks, or other folders, are mounted."""
    if path.is_symlink() or not path.is_dir():
        return []
    found = {Path(folder) for folder, _, _ in os.walk(path) if os.path.ismount(folder)}
    if _MOUNTS.exists():
        # A folder mounted from the same disk shows nowhere else.
        real = path.resolve()
        lines = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        places = [Path(_unescape(line.split(" ")[_PLACE])) for line in lines]
        found |= {path / place.relative_to(real) for place in places if place.is_relative_to(real)}
    return sorted(found)


def _unescape(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def _let_owner_write(folder: Path) -> None:
    folder.chmod(stat.S_IMODE(folder.stat().st_mode) | stat.S_IRWXU)
    for inner in folder.iterdir():
        if inner.is_dir() and not inner.is_symlink():
            _let_owner_write(inner)
