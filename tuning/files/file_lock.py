"""A lock that belongs to its process and leaves no file behind."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, SoftFileLock, Timeout

from tuning.errors import InputError

if sys.platform != "win32":
    import fcntl

LONGEST_SECONDS = 0.3
"""A lock file that its last holder is removing is waited for; one that is held, no longer than this."""
POLL_SECONDS = 0.03
_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)


@contextlib.contextmanager
def lock_file(path: Path, *, busy: str) -> Iterator[None]:
    """Hold the lock at `path`, in a folder that exists. Raises InputError with `busy` if another process holds it.

    The system's own lock ends with its holder, however that ends. Where the file system has none, as some network
    disks, a file with the holder's number takes its place; if that holder, on this machine, is gone, it is removed.
    """
    if sys.platform != "win32" and has_locks(path.parent):
        opened = _flock(path, busy)
        try:
            yield
        finally:
            # While it is held: whoever waits for it finds that the file has no name any more.
            with contextlib.suppress(OSError):
                path.unlink()
            os.close(opened)
        return
    # A name of its own: an empty file of the usual one is litter of a killed process, but would count as held.
    lock = FileLock(path) if sys.platform == "win32" else SoftFileLock(path.with_name(f"{path.name}.held"))
    try:
        lock.acquire(timeout=LONGEST_SECONDS, poll_interval=POLL_SECONDS)
    except Timeout as error:
        raise InputError(busy) from error
    try:
        yield
    finally:
        lock.release()


def has_locks(folder: Path) -> bool:
    """Whether files in this folder can be locked; nothing is written to find out."""
    if sys.platform == "win32":
        return True
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in _NO_LOCKS
    finally:
        os.close(opened)
    return True


def _flock(path: Path, busy: str) -> int:
    """The open, locked file at `path`. filelock can't do it: some of its versions remove the next holder's file."""
    end = time.monotonic() + LONGEST_SECONDS
    while True:
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(opened).st_nlink:
                return opened
        except BlockingIOError as error:
            if time.monotonic() > end:
                os.close(opened)
                raise InputError(busy) from error
            time.sleep(POLL_SECONDS)
        except BaseException:
            os.close(opened)
            raise
        # Its last holder removed it after it was opened here, or is doing so.
        os.close(opened)
