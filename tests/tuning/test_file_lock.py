"""Locks leave no file behind, never let two in, and are there on disks that have none. `export` has the same one."""

from __future__ import annotations

import errno
import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
NO_FLOCK = """
import errno, fcntl
def flock(file, operation):
    raise OSError(errno.{name}, "not here")
fcntl.flock = flock
"""
COUNT = """
import sys, time
from pathlib import Path
from {package}.errors import InputError
from {package}.file_lock import locked_file
folder = Path(sys.argv[1])
for _ in range(30):
    while True:
        try:
            with locked_file(folder / ".lock", busy="busy"):
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
from {package}.file_lock import locked_file
with locked_file(Path(sys.argv[1]) / ".lock", busy="busy"):
    print("held", flush=True)
    time.sleep(60)
"""

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="fcntl is not there")


@pytest.fixture(params=["tuning", "export"])
def package(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def module(package: str) -> Any:
    return importlib.import_module(f"{package}.file_lock")


def start(program: str, package: str, folder: Path, before: str = "") -> subprocess.Popen[str]:
    text = before + program.format(package=package)
    return subprocess.Popen([sys.executable, "-c", text, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_the_two_packages_have_one_lock() -> None:
    texts = {(ROOT / package / "file_lock.py").read_text().replace(package, "") for package in ("tuning", "export")}

    assert len(texts) == 1


def test_nothing_is_left_of_a_lock(module: Any, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), module.locked_file(tmp_path / ".lock", busy="busy"):
        raise KeyboardInterrupt

    assert list(tmp_path.iterdir()) == []


@on_posix
@pytest.mark.parametrize("before", ["", NO_FLOCK.format(name="ENOTSUP")])
def test_a_lock_that_another_process_holds_is_busy_until_it_is_gone(
    before: str, module: Any, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if before:
        monkeypatch.setattr(module, "has_locks", lambda folder: False)
    holder = start(HOLD, package, tmp_path, before)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"

    with pytest.raises(module.InputError, match="it is busy"):
        module.locked_file(tmp_path / ".lock", busy="it is busy").__enter__()
    holder.send_signal(signal.SIGKILL)
    holder.communicate()

    with module.locked_file(tmp_path / ".lock", busy="it is busy"):
        pass
    assert list(tmp_path.iterdir()) == []


@on_posix
@pytest.mark.parametrize("before", ["", NO_FLOCK.format(name="ENOLCK")])
def test_no_two_hold_a_lock_at_once_though_its_file_comes_and_goes(before: str, package: str, tmp_path: Path) -> None:
    (tmp_path / "number").write_text("0")

    processes = [start(COUNT, package, tmp_path, before) for _ in range(3)]
    for process in processes:
        process.communicate(timeout=60)

    assert (tmp_path / "number").read_text() == "90"


@on_posix
@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK])
def test_a_disk_without_locks_is_seen(
    number: int, module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(file: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    assert module.has_locks(tmp_path)
    monkeypatch.setattr("fcntl.flock", flock)
    assert not module.has_locks(tmp_path)


@on_posix
def test_a_folder_that_is_locked_itself_has_locks(module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(file: int, operation: int) -> None:
        raise BlockingIOError(errno.EWOULDBLOCK, "held")

    monkeypatch.setattr("fcntl.flock", flock)

    assert module.has_locks(tmp_path)


@on_posix
def test_a_link_in_the_place_of_a_lock_is_not_followed(module: Any, tmp_path: Path) -> None:
    (tmp_path / ".lock").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match="symbolic links"):
        module.locked_file(tmp_path / ".lock", busy="busy").__enter__()
    assert not (tmp_path / "elsewhere").exists()


def test_litter_of_an_earlier_version_is_no_lock(module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "has_locks", lambda folder: False)
    (tmp_path / ".lock").touch()

    with module.locked_file(tmp_path / ".lock", busy="busy"):
        pass
