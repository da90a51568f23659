"""A crash at any moment of putting a folder in place leaves the old state or the new one."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from export.errors import InputError
from export.folder.install import install, lock_folder, recover, require_replaceable, staging_folder, whole_state

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
STATES = (OLD, BOTH)

INSTALL_AND_DIE = """
import os, pathlib, shutil, signal, sys
from export.folder.install import install, lock_folder, require_replaceable, staging_folder
from scripts.benches.hostility.killing import kill_at
top = pathlib.Path(sys.argv[1])
for at in range(1, 1000):
    target = pathlib.Path(shutil.copytree(top / "old", top / str(at) / "artifacts"))
    if os.fork() == 0:
        with lock_folder(target), staging_folder(target) as staged:
            require_replaceable(staged, target)
            shutil.copytree(top / "new", staged, dirs_exist_ok=True)
            kill_at(at)
            install(staged, target)
        os._exit(0)
    status = os.wait()[1]
    if status == 0:
        break
    assert status == signal.SIGKILL, status
print(at - 1)
"""

HOLD_LOCK = """
import pathlib, sys
from export.folder.install import lock_folder
with lock_folder(pathlib.Path(sys.argv[1])):
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
    root = Path(__file__).resolve().parents[3]
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
    target: Path, holder: subprocess.Popen[str], staged: Path, snapshot: Callable[..., Any]
) -> None:
    assert whole_state(target) == target
    staged.rename(target.parent / ".artifacts.ready")

    with pytest.raises(InputError, match=r"was left half-way .* is being written by another process"):
        whole_state(target)
    assert snapshot(target) == OLD
    holder.kill()
    holder.wait()
    whole_state(target)

    assert snapshot(target) == BOTH


def test_a_folder_whose_parent_is_not_there_has_nothing_to_complete(tmp_path: Path) -> None:
    missing = tmp_path / "not" / "there"

    assert whole_state(missing) == missing


def test_what_can_be_replaced_leaves_no_trace(target: Path, staged: Path, snapshot: Callable[..., Any]) -> None:
    (staged / "probe").mkdir()
    (staged / "probe").rmdir()
    before = snapshot(target.parent)

    require_replaceable(staged, target)
    require_replaceable(staged, target.parent / "not there")

    assert snapshot(target.parent) == before
    assert sorted(path.name for path in target.iterdir()) == sorted({name.split("/")[0] for name in OLD})


def test_a_folder_that_nothing_can_be_moved_into_is_refused_in_time(
    target: Path, staged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Path, other: Path) -> Path:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self), None, str(other))

    monkeypatch.setattr(Path, "rename", fail)

    with pytest.raises(OSError, match="Read-only file system"):
        require_replaceable(staged, target)


@pytest.mark.parametrize("place", ["", "saved_model", "saved_model/variables"])
def test_a_disk_that_is_mounted_there_is_refused_in_time(
    target: Path, staged: Path, monkeypatch: pytest.MonkeyPatch, snapshot: Callable[..., Any], place: str
) -> None:
    disk = target / place
    monkeypatch.setattr("os.path.ismount", lambda path: Path(path) == disk)

    with pytest.raises(InputError, match=f"{disk} is a disk of its own: choose a folder inside it, or another --outp"):
        require_replaceable(staged, target)
    assert snapshot(target) == OLD


@pytest.mark.parametrize("place", ["saved_model", "saved_model/variables"])
def test_a_disk_that_is_mounted_later_is_refused_before_anything_is_decided(
    target: Path, staged: Path, monkeypatch: pytest.MonkeyPatch, snapshot: Callable[..., Any], place: str
) -> None:
    disk = target / place
    monkeypatch.setattr("os.path.ismount", lambda path: Path(path) == disk)

    with pytest.raises(InputError, match="saved_model is or holds a disk of its own: choose another --output"):
        install(staged, target)
    assert snapshot(target) == OLD
    assert snapshot(staged) == NEW


def test_a_link_is_followed_to_the_folder_that_it_means(
    target: Path, tmp_path: Path, snapshot: Callable[..., Any]
) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link"
    link.symlink_to(target)

    with lock_folder(link), staging_folder(link) as staged:
        install(fill(staged, NEW), link)

    assert link.is_symlink()
    assert snapshot(target) == BOTH
    assert [path.name for path in link.parent.iterdir()] == ["link"]


@pytest.mark.slow
def test_an_installation_killed_at_any_of_its_operations_is_whole_for_the_next_process(
    tmp_path: Path, child: Callable[..., subprocess.CompletedProcess[str]], snapshot: Callable[..., Any]
) -> None:
    fill(tmp_path / "old", OLD)
    fill(tmp_path / "new", NEW)
    kills = int(child(INSTALL_AND_DIE, tmp_path).stdout)
    found = []
    for at in range(1, kills + 1):
        target = tmp_path / str(at) / "artifacts"
        assert whole_state(target) == target
        found.append(STATES.index(snapshot(target)))
        assert [path.name for path in target.parent.iterdir()] == ["artifacts"]

    # The old state up to one moment, the new one from it on.
    assert kills > 20
    assert sorted(found) == found
    assert set(found) == {0, 1}


@pytest.mark.parametrize("at", range(1, 5))
def test_a_recovery_that_is_cut_off_is_recovered(
    target: Path, staged: Path, monkeypatch: pytest.MonkeyPatch, snapshot: Callable[..., Any], at: int
) -> None:
    staged.rename(target.with_name(".artifacts.ready"))
    rename, left = os.rename, iter(range(at - 1))

    def cut_off(*paths: Any, **options: Any) -> None:
        if next(left, None) is None:
            raise OSError("cut off")
        rename(*paths, **options)

    with monkeypatch.context() as patch:
        patch.setattr("os.rename", cut_off)
        with pytest.raises((OSError, InputError), match=r"cut off|can't be replaced"):
            recover(target)
    recover(target)

    assert snapshot(target) == BOTH


def test_where_an_old_part_cannot_be_moved_the_old_state_is_put_back(
    target: Path, staged: Path, monkeypatch: pytest.MonkeyPatch, snapshot: Callable[..., Any]
) -> None:
    rename = Path.rename

    def refuse(self: Path, other: Path) -> Path:
        if self == target / "saved_model":
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        return rename(self, other)

    monkeypatch.setattr(Path, "rename", refuse)

    with pytest.raises(
        InputError, match=r"saved_model can't be replaced \(Device or resource busy\): move it away, or"
    ):
        install(staged, target)
    assert snapshot(target) == OLD
    assert not target.with_name(".artifacts.old").exists()


def test_a_manifest_that_cannot_be_replaced_is_found_out_in_time(
    target: Path, staged: Path, monkeypatch: pytest.MonkeyPatch, snapshot: Callable[..., Any]
) -> None:
    def refuse(self: Path, other: Path) -> Path:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(Path, "replace", refuse)

    with pytest.raises(
        InputError, match=r"manifest.json can't be replaced \(Operation not permitted\): choose another"
    ):
        install(staged, target)
    assert snapshot(target) == OLD


def test_where_there_was_nothing_a_refused_installation_leaves_nothing(
    tmp_path: Path, staged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, other: Path) -> Path:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(Path, "rename", refuse)

    with pytest.raises(PermissionError):
        install(staged, tmp_path / "artifacts")
    assert [path.name for path in tmp_path.iterdir()] == [staged.name]


def test_a_part_that_is_a_link_makes_room_and_what_it_leads_to_stays(
    target: Path, staged: Path, tmp_path: Path, snapshot: Callable[..., Any]
) -> None:
    elsewhere = (target / "saved_model").rename(tmp_path / "another disk")
    (target / "saved_model").symlink_to(elsewhere)
    (target / "model.onnx").unlink()
    (target / "model.onnx").symlink_to(tmp_path / "nowhere")

    assert install(staged, target) == ()

    assert snapshot(target) == BOTH
    assert not (target / "saved_model").is_symlink()
    assert (elsewhere / "saved_model.pb").read_bytes() == b"old graph"


def test_a_signature_goes_with_the_manifest_that_it_was_for(target: Path, staged: Path) -> None:
    (target / "manifest.json.sig").write_bytes(b"of the old one")

    install(staged, target)

    assert not (target / "manifest.json.sig").exists()


READ_ONLY = """
import pathlib, sys
from export.folder.install import install
print(*install(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])), sep="\\n")
"""


def test_a_part_that_its_owner_made_read_only_makes_room(
    target: Path, staged: Path, as_somebody: Callable[..., subprocess.CompletedProcess[str]], snapshot: Any
) -> None:
    for folder in (target / "saved_model" / "variables", target / "saved_model"):
        folder.chmod(0o555)

    done = as_somebody(READ_ONLY, staged, target)

    assert (done.returncode, done.stdout.strip()) == (0, "")
    assert snapshot(target) == BOTH
    assert [path.name for path in target.parent.iterdir()] == ["artifacts"]


def test_old_parts_that_cannot_be_removed_cost_a_warning(
    target: Path, staged: Path, monkeypatch: pytest.MonkeyPatch, snapshot: Callable[..., Any]
) -> None:
    def refuse(path: Path) -> None:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", refuse)
        (warning,) = install(staged, target)

    assert warning.endswith(
        ".artifacts.removed-1 can't be removed (Device or resource busy): it is not needed any more"
    )
    assert snapshot(target) == BOTH
    assert recover(target) == ()
    assert [path.name for path in target.parent.iterdir()] == ["artifacts"]


def test_where_nothing_can_be_written_a_whole_state_is_read_where_it_lies(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(target: Path) -> None:
        raise PermissionError(errno.EROFS, os.strerror(errno.EROFS))

    target = tmp_path / "artifacts"
    ready = Path(shutil.copytree(published, tmp_path / ".artifacts.ready"))
    monkeypatch.setattr("export.folder.install.lock_folder", refuse)

    assert whole_state(target) == ready
    shutil.copytree(ready, target)
    assert whole_state(target) == target
    (target / "model.onnx").unlink()
    (ready / "model.onnx").unlink()
    with pytest.raises(InputError, match=r"was left half-way .* can't be completed here \(Read-only file system\)"):
        whole_state(target)


def test_what_a_killed_process_left_is_swept_by_the_next_reader(target: Path, staged: Path) -> None:
    (target / ".probe").mkdir()
    target.with_name(".artifacts.lock").touch()

    assert whole_state(target) == target

    assert [path.name for path in target.parent.iterdir()] == ["artifacts"]
    assert not (target / ".probe").exists()


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
        lock_folder(target).__enter__()

    assert snapshot(target) == OLD


def test_a_refused_lock_finishes_nothing_that_its_holder_is_about(
    target: Path, holder: subprocess.Popen[str], staged: Path
) -> None:
    staged.rename(target.with_name(".artifacts.ready"))

    with pytest.raises(InputError, match="is being written by another process"):
        lock_folder(target).__enter__()

    assert target.with_name(".artifacts.ready").is_dir()


def test_the_lock_of_a_killed_process_is_free(target: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()

    with lock_folder(target):
        pass


def test_the_lock_is_free_after_an_exception(target: Path) -> None:
    with pytest.raises(RuntimeError, match="inside"), lock_folder(target):
        raise RuntimeError("inside")

    with lock_folder(target):
        pass


def test_locking_makes_the_folders_above(tmp_path: Path) -> None:
    with lock_folder(tmp_path / "a" / "b" / "artifacts"):
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
        seen.append((self.parent.name, self.name, snapshot(target)))
        return replace(self, other)

    monkeypatch.setattr(Path, "replace", watch)
    install(staged, target)

    *_, (folder, last, before_last) = seen
    assert (folder, last) == (".artifacts.ready", "manifest.json")
    assert before_last == {**BOTH, "manifest.json": b"old"}


@pytest.mark.parametrize("name", ["none/artifacts", "file/artifacts", "/".join(["d" * 99] * 39)])
def test_a_folder_that_can_not_be_there_is_whole_as_it_is(tmp_path, name):
    (tmp_path / "file").touch()

    assert whole_state(tmp_path / name) == tmp_path / name
