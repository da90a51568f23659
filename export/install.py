"""Put a finished folder in place so that a crash at any moment leaves the old state or the new one, never a mixture."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from export.artifact import MANIFEST
from export.errors import InputError


@contextlib.contextmanager
def locked(target: Path) -> Iterator[None]:
    """Keep other processes from publishing to `target`, and finish what a crashed one had begun to put in place.

    Raises InputError if another process holds the lock.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(_beside(target, "lock"))
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise InputError(f"{target} is being written by another process: wait for it or stop it") from error
    try:
        recover(target)
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def staging_folder(target: Path) -> Iterator[Path]:
    """An empty folder on the same disk, gone afterwards unless `install` took it."""
    folder = _beside(target, "staged")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def install(staged: Path, target: Path) -> None:
    """Move everything from `staged` into `target`, the manifest last.

    The rename to `ready` decides: before it the old state stands, after it `recover` completes the new one.
    """
    staged.rename(_beside(target, "ready"))
    recover(target)


def recover(target: Path) -> None:
    """Complete an `install` that was cut off; nothing to do is fine."""
    ready = _beside(target, "ready")
    if not ready.exists():
        return
    target.mkdir(parents=True, exist_ok=True)
    names = sorted(path.name for path in ready.iterdir())
    for name in sorted(names, key=lambda name: name == MANIFEST):
        if (target / name).is_dir():
            shutil.rmtree(target / name)
        elif (ready / name).is_dir():
            (target / name).unlink(missing_ok=True)
        (ready / name).replace(target / name)
    ready.rmdir()


def _beside(target: Path, state: str) -> Path:
    target = target.absolute()
    return target.with_name(f".{target.name}.{state}")
