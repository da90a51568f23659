"""What a folder holds, to tell what a command changed: names, types, rights, targets of links, and bytes."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

LARGEST_READ = 64 * 2**20
"""Of files above it, size and time stand for the bytes: a case may make one that is mostly a hole."""


def snapshot(folder: Path, *, bytes_too: bool = True) -> dict[str, tuple[object, ...]]:
    """Path below the folder → what lies there; "." is the folder itself. Nothing is followed, no pipe is opened.

    `bytes_too`: else size and time stand for the bytes of every file.
    """
    found: dict[str, tuple[object, ...]] = {".": _facts(folder, bytes_too=False)}
    waiting = [(folder, "")]
    while waiting:
        parent, above = waiting.pop()
        try:
            entries = list(os.scandir(parent))
        except OSError as error:
            found[above or "."] += (os.strerror(error.errno or 0),)
            continue
        for entry in entries:
            path, name = Path(entry.path), f"{above}{entry.name}"
            found[name] = _facts(path, bytes_too=bytes_too)
            if entry.is_dir(follow_symlinks=False):
                waiting.append((path, f"{name}/"))
    return found


def differences(
    before: Mapping[str, tuple[object, ...]], after: Mapping[str, tuple[object, ...]], *, allowed: Collection[str] = ()
) -> list[str]:
    """What was made, removed or changed, a phrase each, but for the names (or patterns) allowed and what is in them."""
    found = []
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) == after.get(name) or _is_allowed(name, allowed):
            continue
        change = "was made" if name not in before else "was removed" if name not in after else "was changed"
        found.append(f"{name} {change}")
    return found


def _facts(path: Path, *, bytes_too: bool) -> tuple[object, ...]:
    try:
        status = path.lstat()
        kind, mode = stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode)
        if stat.S_ISLNK(status.st_mode):
            return kind, mode, str(path.readlink())
        if not stat.S_ISREG(status.st_mode):
            return kind, mode
        if not bytes_too or status.st_size > LARGEST_READ:
            return kind, mode, status.st_size, status.st_mtime_ns
        return kind, mode, hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return (os.strerror(error.errno or 0),)


def _is_allowed(name: str, allowed: Collection[str]) -> bool:
    parts = name.split("/")
    heads = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    return any(fnmatchcase(head, pattern) for head in heads for pattern in allowed)
