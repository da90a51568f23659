"""Put a finished folder in place so that a crash at any moment leaves the old state or the new one, never a mixture."""

from __future__ import annotations

import contextlib
import errno
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from export.artifact import MANIFEST
from export.errors import InputError


@contextlib.contextmanager
def locked(target: Path) -> Iterator[None]:
    """Keep other processes from publishing to `target`, and finish what a crashed one had begun to put in place.

    Raises InputError if another process holds the lock.
    """
    # Only who writes needs it.
    from filelock import FileLock, Timeout

    target.resolve().parent.mkdir(parents=True, exist_ok=True)
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


def complete(target: Path) -> None:
    """Finish what a crashed process had begun to put in place; nothing to do is fine.

    Raises InputError if another process is at it.
    """
    if _beside(target, "ready").exists():
        with locked(target):
            pass


def require_movable(staged: Path, target: Path) -> None:
    """Find out whether `install` can move what is in `staged` into `target`, before it is too late to turn back.

    Raises InputError for a mount point, another OSError as the system does.
    """
    if not target.is_dir():
        return
    probe = Path(tempfile.mkdtemp(dir=staged))
    try:
        probe.rename(target / probe.name).rmdir()
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        raise InputError(f"{target} is a disk of its own: choose a folder inside it") from error


def install(staged: Path, target: Path) -> None:
    """Move everything from `staged` into `target`, the manifest last.

    The rename to `ready` decides: before it the old state stands, after it `recover` completes the new one.
    """
    staged.rename(_beside(target, "ready"))
    recover(target)


def recover(target: Path) -> None:
    """Complete an `install` that was cut off; nothing to do is fine. Call it with the lock held."""
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
    target = target.resolve()
    return target.with_name(f".{target.name}.{state}")
