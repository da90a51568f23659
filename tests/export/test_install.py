"""A crash at any moment of putting a folder in place leaves the old state or the new one."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from export.errors import InputError
from export.install import complete, install, locked, recover, require_movable, staging_folder

OLD = {
    "manifest.json": b"old",
    "model.onnx": b"old onnx",
    "kept.txt": b"kept",
    "saved_model/saved_model.pb": b"old graph",
    "saved_model/variables/old": b"old weights",
}
NEW = {
    "manifest.json": b"new",
    "model.onnx": b"new onnx",
    "model.tflite": b"new tflite",
    "saved_model/saved_model.pb": b"new graph",
    "saved_model/variables/new": b"new weights",
}
BOTH = {"kept.txt": b"kept", **NEW}
MOVES = 4

INSTALL_AND_DIE = """
import os, pathlib, signal, sys
from export.install import install
moves, staged, target = int(sys.argv[1]), pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
replace, done = pathlib.Path.replace, []
def replace_or_die(self, other):
    if len(done) == moves:
        os.kill(os.getpid(), signal.SIGKILL)
    done.append(other)
    return replace(self, other)
pathlib.Path.replace = replace_or_die
install(staged, target)
"""

HOLD_LOCK = """
import pathlib, sys
from export.install import locked
with locked(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def fill(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return fill(tmp_path / "artifacts", OLD)


@pytest.fixture
def staged(tmp_path: Path) -> Path:
    return fill(tmp_path / ".artifacts.staged", NEW)


@pytest.fixture
def holder(target: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock of `target`."""
    command = [sys.executable, "-c", HOLD_LOCK, str(target)]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_installing_replaces_what_is_new_and_keeps_the_rest(
    target: Path, staged: Path, snapshot: Callable[..., Any]
) -> None:
    install(staged, target)

    assert snapshot(target) == BOTH
    assert [path.name for path in target.parent.iterdir()] == ["artifacts"]


def test_installing_into_a_folder_that_is_not_there_makes_it(
    tmp_path: Path, staged: Path, snapshot: Callable[..., Any]
) -> None:
    install(staged, tmp_path / "artifacts")

    assert snapshot(tmp_path / "artifacts") == NEW


def test_completing_needs_the_lock_only_where_there_is_something_to_complete(
    target: Path, staged: Path, holder: subprocess.Popen[str], snapshot: Callable[..., Any]
) -> None:
    complete(target)
    staged.rename(target.parent / ".artifacts.ready")

    with pytest.raises(InputError, match="is being written by another process"):
        complete(target)
    assert snapshot(target) == OLD
    holder.kill()
    holder.wait()
    complete(target)

    assert snapshot(target) == BOTH


def test_what_can_be_moved_leaves_no_trace(target: Path, staged: Path, snapshot: Callable[..., Any]) -> None:
    before = snapshot(target.parent)

    require_movable(staged, target)
    require_movable(staged, target.parent / "not there")

    assert snapshot(target.parent) == before
    assert sorted(path.name for path in target.iterdir()) == sorted({name.split("/")[0] for name in OLD})


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        (errno.EXDEV, InputError, "artifacts is a disk of its own: choose a folder inside it"),
        (errno.EROFS, OSError, "Read-only file system"),
    ],
)
def test_a_folder_that_nothing_can_be_moved_into_is_refused_in_time(
    target: Path, staged: Path, monkeypatch: pytest.MonkeyPatch, code: int, kind: type, message: str
) -> None:
    def fail(self: Path, other: Path) -> Path:
        raise OSError(code, os.strerror(code), str(self), None, str(other))

    monkeypatch.setattr(Path, "rename", fail)

    with pytest.raises(kind, match=message):
        require_movable(staged, target)


def test_a_link_is_followed_to_the_folder_that_it_means(
    target: Path, tmp_path: Path, snapshot: Callable[..., Any]
) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link"
    link.symlink_to(target)

    with locked(link), staging_folder(link) as staged:
        install(fill(staged, NEW), link)

    assert link.is_symlink()
    assert snapshot(target) == BOTH
    assert [path.name for path in link.parent.iterdir()] == ["link"]


def test_the_manifest_is_moved_last(target: Path, staged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = []
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, other: (moved.append(self.name), replace(self, other))[1])

    install(staged, target)

    assert len(moved) == MOVES
    assert moved[-1] == "manifest.json"


@pytest.mark.parametrize("moves", range(MOVES))
def test_an_install_cut_off_after_any_move_is_completed_later(
    target: Path, staged: Path, monkeypatch: pytest.MonkeyPatch, snapshot: Callable[..., Any], moves: int
) -> None:
    replace = Path.replace
    left = iter(range(moves))

    def cut_off(self: Path, other: Path) -> Path:
        if next(left, None) is None:
            raise OSError("cut off")
        return replace(self, other)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", cut_off)
        with pytest.raises(OSError, match="cut off"):
            install(staged, target)
    manifest_before = (target / "manifest.json").read_bytes()
    recover(target)

    assert manifest_before == b"old"
    assert snapshot(target) == BOTH
    assert [path.name for path in target.parent.iterdir()] == ["artifacts"]


def test_an_install_cut_off_before_its_last_act_is_completed_later(
    target: Path, staged: Path, monkeypatch: pytest.MonkeyPatch, snapshot: Callable[..., Any]
) -> None:
    def cut_off(self: Path) -> None:
        raise OSError("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rmdir", cut_off)
        with pytest.raises(OSError, match="cut off"):
            install(staged, target)
    recover(target)

    assert snapshot(target) == BOTH
    assert [path.name for path in target.parent.iterdir()] == ["artifacts"]


def test_before_the_rename_to_ready_the_old_state_stands(
    target: Path, staged: Path, monkeypatch: pytest.MonkeyPatch, snapshot: Callable[..., Any]
) -> None:
    def cut_off(self: Path, other: Path) -> None:
        raise OSError("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", cut_off)
        with pytest.raises(OSError, match="cut off"):
            install(staged, target)
    recover(target)

    assert snapshot(target) == OLD


@pytest.mark.parametrize("moves", range(MOVES))
def test_a_killed_install_is_completed_by_the_next_process_that_takes_the_lock(
    target: Path,
    staged: Path,
    child: Callable[..., subprocess.CompletedProcess[str]],
    snapshot: Callable[..., Any],
    moves: int,
) -> None:
    done = child(INSTALL_AND_DIE, moves, staged, target)

    with locked(target):
        found = snapshot(target)

    assert done.returncode == -signal.SIGKILL
    assert found == BOTH


def test_recovering_where_nothing_was_cut_off_changes_nothing(target: Path, snapshot: Callable[..., Any]) -> None:
    recover(target)
    recover(target)

    assert snapshot(target) == OLD


def test_recovering_where_there_is_no_folder_makes_none(tmp_path: Path) -> None:
    recover(tmp_path / "artifacts")

    assert not any(tmp_path.iterdir())


def test_a_lock_held_by_another_process_is_refused(
    target: Path, holder: subprocess.Popen[str], snapshot: Callable[..., Any]
) -> None:
    with pytest.raises(InputError, match=r"artifacts is being written by another process: wait for it or stop it"):
        locked(target).__enter__()

    assert snapshot(target) == OLD


def test_a_refused_lock_finishes_nothing_that_its_holder_is_about(
    target: Path, staged: Path, holder: subprocess.Popen[str]
) -> None:
    staged.rename(target.with_name(".artifacts.ready"))

    with pytest.raises(InputError, match="is being written by another process"):
        locked(target).__enter__()

    assert target.with_name(".artifacts.ready").is_dir()


def test_the_lock_of_a_killed_process_is_free(target: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()

    with locked(target):
        pass


def test_the_lock_is_free_after_an_exception(target: Path) -> None:
    with pytest.raises(RuntimeError, match="inside"), locked(target):
        raise RuntimeError("inside")

    with locked(target):
        pass


def test_locking_makes_the_folders_above(tmp_path: Path) -> None:
    with locked(tmp_path / "a" / "b" / "artifacts"):
        assert (tmp_path / "a" / "b").is_dir()


def test_a_staging_folder_is_empty_whatever_a_crash_left_there(target: Path, staged: Path) -> None:
    with staging_folder(target) as folder:
        assert folder == staged
        assert not any(folder.iterdir())


def test_a_staging_folder_is_gone_after_an_exception(target: Path) -> None:
    with pytest.raises(RuntimeError, match="inside"), staging_folder(target):
        raise RuntimeError("inside")

    assert [path.name for path in target.parent.iterdir()] == ["artifacts"]


def test_a_staging_folder_lies_on_the_disk_of_its_target(target: Path) -> None:
    with staging_folder(target) as folder:
        assert folder.parent == target.parent


def test_what_was_staged_survives_an_install_inside(target: Path, snapshot: Callable[..., Any]) -> None:
    with staging_folder(target) as folder:
        fill(folder, NEW)
        install(folder, target)

    assert snapshot(target) == BOTH


def test_a_file_in_the_place_of_a_folder_gives_way(target: Path, staged: Path, snapshot: Callable[..., Any]) -> None:
    shutil.rmtree(target / "saved_model")
    (target / "saved_model").write_bytes(b"a file")

    install(staged, target)

    assert snapshot(target) == BOTH


def test_the_manifest_names_what_was_installed_only_once_all_of_it_is_there(
    target: Path, staged: Path, monkeypatch: pytest.MonkeyPatch, snapshot: Callable[..., Any]
) -> None:
    seen = []
    replace = Path.replace

    def watch(self: Path, other: Path) -> Path:
        seen.append((self.name, snapshot(target)))
        return replace(self, other)

    monkeypatch.setattr(Path, "replace", watch)
    (staged / "manifest.json").write_bytes(json.dumps(sorted(NEW)).encode())
    install(staged, target)

    last_name, before_last = seen[-1]
    assert last_name == "manifest.json"
    assert before_last == {**BOTH, "manifest.json": b"old"}
