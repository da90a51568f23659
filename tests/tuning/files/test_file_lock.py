"""Locks leave no file behind, never let two in, and are there on disks that have none."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tuning.files import file_lock

ROOT = Path(__file__).resolve().parents[3]
NO_FLOCK = """
import errno, fcntl
def flock(file, operation):
    raise OSError(errno.{name}, "not here")
fcntl.flock = flock
"""
COUNT = """
import sys, time
from pathlib import Path
from tuning.errors import InputError
from tuning.files.file_lock import lock_file
folder = Path(sys.argv[1])
for _ in range(30):
    while True:
        try:
            with lock_file(folder / ".lock", busy="busy"):
                number = int((folder / "number").read_text())
                time.sleep(0.001)
                (folder / "number").write_text(str(number + 1))
            break
        except InputError:
            pass
"""
HOLD = """
import sys, time
from pathlib import Path
from tuning.files.file_lock import lock_file
with lock_file(Path(sys.argv[1]) / ".lock", busy="busy"):
    print("held", flush=True)
    time.sleep(60)
"""

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="fcntl is not there")


def start(program: str, folder: Path, before: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", before + program, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def test_nothing_is_left_of_a_lock(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), file_lock.lock_file(tmp_path / ".lock", busy="busy"):
        raise KeyboardInterrupt

    assert list(tmp_path.iterdir()) == []


@on_posix
@pytest.mark.parametrize("before", ["", NO_FLOCK.format(name="ENOTSUP")])
def test_a_lock_that_another_process_holds_is_busy_until_it_is_gone(
    before: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if before:
        monkeypatch.setattr(file_lock, "has_locks", lambda folder: False)
    holder = start(HOLD, tmp_path, before)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"

    with pytest.raises(file_lock.InputError, match="it is busy"):
        file_lock.lock_file(tmp_path / ".lock", busy="it is busy").__enter__()
    holder.send_signal(signal.SIGKILL)
    holder.communicate()

    with file_lock.lock_file(tmp_path / ".lock", busy="it is busy"):
        pass
    assert list(tmp_path.iterdir()) == []


@on_posix
@pytest.mark.parametrize("before", ["", NO_FLOCK.format(name="ENOLCK")])
def test_no_two_hold_a_lock_at_once_though_its_file_comes_and_goes(before: str, tmp_path: Path) -> None:
    (tmp_path / "number").write_text("0")

    processes = [start(COUNT, tmp_path, before) for _ in range(3)]
    for process in processes:
        process.communicate(timeout=60)

    assert (tmp_path / "number").read_text() == "90"


@on_posix
@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK])
def test_a_disk_without_locks_is_seen(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(file: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    assert file_lock.has_locks(tmp_path)
    monkeypatch.setattr("fcntl.flock", flock)
    assert not file_lock.has_locks(tmp_path)


@on_posix
def test_a_folder_that_is_locked_itself_has_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(file: int, operation: int) -> None:
        raise BlockingIOError(errno.EWOULDBLOCK, "held")

    monkeypatch.setattr("fcntl.flock", flock)

    assert file_lock.has_locks(tmp_path)


@on_posix
def test_a_link_in_the_place_of_a_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / ".lock").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match="symbolic links"):
        file_lock.lock_file(tmp_path / ".lock", busy="busy").__enter__()
    assert not (tmp_path / "elsewhere").exists()


def test_litter_of_an_earlier_version_is_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_lock, "has_locks", lambda folder: False)
    (tmp_path / ".lock").touch()

    with file_lock.lock_file(tmp_path / ".lock", busy="busy"):
        pass
