"""A temporary folder of a command's own: gone when the command ends, or swept by the next one if it was killed.

TensorFlow, converters, workers and user code leave files in the temporary folder when they are killed, so each command
gives them one of its own. It belongs to its command for as long as that holds a lock on a file in it, however it ends.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import os
import re
import shutil
import signal
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from tuning.errors import InputError

if sys.platform != "win32":
    import fcntl

PREFIX = "keras-tune-export-work-"
_NAME = re.compile(rf"{PREFIX}[a-z0-9_]{{8}}")
_OWNER = ".owner"
_VARIABLES = ("TMPDIR", "TEMP", "TMP")
"""In the order in which Python looks at them."""
_FULL = (errno.ENOSPC, errno.EDQUOT)
_UNOWNED_SECONDS = 3600.0
"""A folder this old whose owner never came to lock it is swept."""
_UNLOCKABLE_SECONDS = 7 * 24 * 3600.0
"""Where there are no locks, a folder this old is swept."""
_REMOVALS = 5
_ended: list[tuple[Path, int]] = []
"""Folders that this process has no more use for, and the locks that still keep them."""


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """Let everything temporary, of child processes too, lie in a new folder that is removed when this process ends.

    Sweeps what killed commands of the same user left. Raises InputError where the temporary folder can't be used, and
    lets an error of a full disk that names no file name this folder.
    """
    outer = _outer_folder()
    sweep(outer)
    folder, lock = _new_folder(outer)
    before = {name: os.environ.get(name) for name in _VARIABLES}
    tempdir, tempfile.tempdir = tempfile.tempdir, str(folder)
    os.environ.update(dict.fromkeys(_VARIABLES, str(folder)))
    try:
        with _remove_by_signals(folder):
            yield folder
    except OSError as error:
        if error.errno in _FULL and error.filename is None:
            error.filename = str(folder)
        raise
    finally:
        tempfile.tempdir = tempdir
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        _ended.append((folder, lock))


def remove_ended() -> None:
    """Remove the folders that were in use in this process and are no more."""
    while _ended:
        folder, lock = _ended.pop()
        _remove(folder)
        os.close(lock)


# What is registered first runs last: libraries remove files of their own at the end, and complain if they can't.
atexit.register(remove_ended)


def sweep(outer: Path) -> None:
    """Remove the folders there that this user's commands left when they were killed; others are never touched."""
    with contextlib.suppress(OSError), os.scandir(outer) as entries:
        for entry in entries:
            if _NAME.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    _sweep_one(Path(entry.path))


def full_temporary_folder(error: OSError) -> str:
    """A sentence for an error that says that the temporary folder's disk is full; empty for any other."""
    if error.errno not in _FULL or error.filename is None:
        return ""
    path = Path(os.fsdecode(error.filename))
    found = [folder.parent for folder in (path, *path.parents) if _NAME.fullmatch(folder.name)]
    if not found:
        return ""
    # A command inside a command has its folder in the other's.
    return _full(found[-1], error)


def name_fuller(error: OSError, folder: Path) -> None:
    """Let an error of the disk that names no file name `folder`, or the temporary folder where that has less space."""
    if error.filename is not None:
        return
    temporary = Path(tempfile.gettempdir())
    is_full = error.errno in _FULL and _NAME.fullmatch(temporary.name)
    error.filename = str(temporary if is_full and _has_less_space(temporary, folder) else folder)


def _full(outer: Path, error: OSError) -> str:
    state = "is full" if error.errno == errno.ENOSPC else "has used up its disk quota"
    return f"the temporary folder {outer} {state}: free some space or set TMPDIR to another folder"


def _has_less_space(one: Path, other: Path) -> bool:
    with contextlib.suppress(OSError):
        while not other.exists():
            other = other.parent
        if not _on_one_disk(one, other):
            return shutil.disk_usage(one).free < shutil.disk_usage(other).free
    return False


def _on_one_disk(one: Path, other: Path) -> bool:
    return one.stat().st_dev == other.stat().st_dev


def _outer_folder() -> Path:
    """What is named as the temporary folder; Python itself would silently take another one if that can't be used."""
    for name in _VARIABLES:
        if os.environ.get(name):
            return Path(os.path.abspath(os.environ[name]))  # noqa: PTH100 `resolve` would hide the name that was given
    try:
        return Path(tempfile.gettempdir())
    except OSError as error:
        raise InputError("there is no temporary folder that can be written: set TMPDIR to one") from error


def _new_folder(outer: Path) -> tuple[Path, int]:
    """A new folder there, and the open file whose lock says that it is in use."""
    while True:
        try:
            folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=outer))
        except OSError as error:
            if error.errno in _FULL:
                raise InputError(_full(outer, error)) from error
            reason = "can't be written" if os.path.isdir(outer) else "is no folder"  # noqa: PTH112 nor is a long name
            raise InputError(
                f"the temporary folder {outer} {reason}: set TMPDIR to a folder that can be written"
            ) from error
        lock = _own(folder)
        if lock is not None:
            return folder, lock


def _own(folder: Path) -> int | None:
    """A lock on a new folder; None if another command took it for an abandoned one, and removes it."""
    lock = None
    try:
        lock = os.open(folder / _OWNER, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        # On a file system without locks age has to tell.
        _lock(lock)
        (folder / _OWNER).stat()
    except (FileNotFoundError, BlockingIOError):
        if lock is not None:
            os.close(lock)
        return None
    except OSError:
        if lock is not None:
            os.close(lock)
        _remove(folder)
        raise
    return lock


def _sweep_one(folder: Path) -> None:
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        return
    if sys.platform == "win32":
        if time.time() - status.st_mtime > _UNLOCKABLE_SECONDS:
            _remove(folder)
        return
    if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) != 0o700:
        return
    age = time.time() - status.st_mtime
    try:
        lock = os.open(folder / _OWNER, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        if age > _UNOWNED_SECONDS:
            _remove(folder)
        return
    try:
        if _lock(lock) or age > _UNLOCKABLE_SECONDS:
            _remove(folder)
    finally:
        os.close(lock)


def _lock(file: int) -> bool:
    """Whether the file is locked now. Raises BlockingIOError if another process holds the lock."""
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # network disks have none
        return False
    return True


def _remove(folder: Path) -> None:
    """Remove it, though a child that is about to end may still write there; what is left the next command sweeps."""
    for _ in range(_REMOVALS):
        with contextlib.suppress(RecursionError):  # a thousand folders in one another
            shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return


@contextlib.contextmanager
def _remove_by_signals(folder: Path) -> Iterator[None]:
    """Remove the folder before a signal ends this process, which it does as if nothing had been in its way."""

    def end(number: int, frame: FrameType | None) -> None:
        _remove(folder)
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = ("SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    # What is ignored or has a handler stays so: `nohup` is one.
    numbers = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
