"""Each command has a temporary folder of its own, and the next one sweeps what a killed one left."""

from __future__ import annotations

import argparse
import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from scripts import _entry
from scripts import _temporary as temporary
from scripts._temporary import PREFIX, full_temporary_folder, name_fuller, private_folder, remove_ended, sweep
from tuning.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
OLD = 8 * 24 * 3600
PROGRAM = """
import sys, time; sys.path.insert(0, {root!r})
from scripts._temporary import private_folder
with private_folder() as folder:
    (folder / "left").write_text("x")
    print(folder, flush=True)
    time.sleep(60)
"""

on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it tells by locks and rights")


@pytest.fixture(autouse=True)
def outer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the user has as the temporary folder."""
    folder = tmp_path / "outer"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    return folder


def start(outer: Path, program: str = PROGRAM) -> tuple[subprocess.Popen[str], Path]:
    """A process with a private folder that waits, and that folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", program.format(root=str(ROOT))],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(outer)},
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def end(process: subprocess.Popen[str], number: int) -> None:
    process.send_signal(number)
    process.wait(30)
    assert process.stdout is not None
    process.stdout.close()


def plant(outer: Path, name: str = f"{PREFIX}abcd1234", *, age: float = 0, owner: bool = True) -> Path:
    """A folder as a killed command leaves it."""
    folder = outer / name
    folder.mkdir(mode=0o700)
    if owner:
        (folder / ".owner").touch()
    (folder / "deep").mkdir()
    (folder / "deep" / "file").write_text("x")
    os.utime(folder, (time.time() - age,) * 2)
    return folder


def test_all_that_is_temporary_lies_in_a_folder_that_goes(outer: Path) -> None:
    with private_folder() as folder:
        made = Path(tempfile.mkdtemp())
        said = subprocess.check_output(
            [sys.executable, "-c", "import tempfile; print(tempfile.gettempdir())"], text=True
        )

        assert folder.parent == outer
        assert made.parent == folder
        assert Path(said.strip()) == folder
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700 or os.name == "nt"
    remove_ended()
    assert list(outer.iterdir()) == []
    assert tempfile.gettempdir() == str(outer)
    assert os.environ["TMPDIR"] == str(outer)
    assert "TEMP" not in os.environ or os.environ["TEMP"] != str(folder)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_the_folder_goes_however_the_command_ends(error: type[BaseException], outer: Path) -> None:
    with pytest.raises(error), private_folder():
        raise error
    remove_ended()

    assert list(outer.iterdir()) == []


@on_linux
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_the_process_takes_the_folder_too(number: int, outer: Path) -> None:
    process, folder = start(outer)

    end(process, number)

    assert process.returncode == -number
    assert not folder.exists()


@on_linux
def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with private_folder():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@on_linux
def test_the_next_command_sweeps_what_a_killed_one_left(outer: Path) -> None:
    process, folder = start(outer)
    end(process, signal.SIGKILL)
    assert (folder / "left").exists()

    with private_folder():
        assert not folder.exists()


@on_linux
def test_a_running_command_keeps_its_folder(outer: Path) -> None:
    process, folder = start(outer)

    with private_folder():
        pass

    assert (folder / "left").exists()
    end(process, signal.SIGKILL)


@on_linux
def test_commands_side_by_side_take_nothing_from_each_other(outer: Path) -> None:
    program = """
import sys; sys.path.insert(0, {root!r})
from scripts._temporary import private_folder, remove_ended
for _ in range(50):
    with private_folder() as folder:
        (folder / "a").write_text("x")
        assert (folder / "a").read_text() == "x"
    remove_ended()
"""
    command = [sys.executable, "-c", program.format(root=str(ROOT))]
    processes = [subprocess.Popen(command, env={**os.environ, "TMPDIR": str(outer)}) for _ in range(3)]

    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert list(outer.iterdir()) == []


@on_linux
def test_a_new_folder_that_a_sweep_has_in_its_hands_is_left_to_it(outer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, sweeping = temporary._lock, list[int]()

    def swept(file: int) -> bool:
        if not sweeping:
            (new,) = outer.iterdir()
            sweeping.append(os.open(new / ".owner", os.O_RDWR))
            assert lock(sweeping[0])
        return lock(file)

    monkeypatch.setattr(temporary, "_lock", swept)

    with private_folder() as folder:
        assert os.fstat(sweeping[0]).st_ino != (folder / ".owner").stat().st_ino
    os.close(sweeping[0])


@on_linux
def test_a_link_under_such_a_name_is_not_followed(outer: Path, tmp_path: Path) -> None:
    mine = plant(tmp_path, "mine")
    link = outer / f"{PREFIX}abcd1234"
    link.symlink_to(mine)

    sweep(outer)

    assert (mine / "deep" / "file").exists()
    assert link.is_symlink()


@on_linux
def test_what_links_in_the_folder_lead_to_stays(outer: Path, tmp_path: Path) -> None:
    mine = plant(tmp_path, "mine")
    left = plant(outer)
    (left / "link").symlink_to(mine)

    sweep(outer)

    assert not left.exists()
    assert (mine / "deep" / "file").exists()


@on_linux
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give folders away")
def test_another_users_folder_is_let_alone(outer: Path) -> None:
    folder = plant(outer, age=OLD)
    os.chown(folder, 12345, 12345)

    sweep(outer)

    assert (folder / "deep" / "file").exists()


@on_linux
@pytest.mark.parametrize(
    "name", [f"{PREFIX}ABCD1234", f"{PREFIX}abcd12345", f"{PREFIX}.owner", "keras-tune-export-abcd1234", "tmpabcd1234"]
)
def test_other_names_are_let_alone(name: str, outer: Path) -> None:
    folder = plant(outer, name, age=OLD)

    sweep(outer)

    assert (folder / "deep" / "file").exists()


@on_linux
def test_a_folder_with_other_rights_is_let_alone(outer: Path) -> None:
    folder = plant(outer, age=OLD)
    folder.chmod(0o755)

    sweep(outer)

    assert (folder / "deep" / "file").exists()


@on_linux
def test_a_pipe_in_the_place_of_the_owners_file_does_not_hang(outer: Path) -> None:
    folder = plant(outer, owner=False)
    os.mkfifo(folder / ".owner")

    sweep(outer)

    assert not folder.exists()


@on_linux
def test_a_file_of_such_a_name_is_let_alone(outer: Path) -> None:
    (outer / f"{PREFIX}abcd1234").write_text("x")

    sweep(outer)

    assert (outer / f"{PREFIX}abcd1234").read_text() == "x"


@on_linux
@pytest.mark.parametrize(("age", "left"), [(60, True), (4000, False)])
def test_a_folder_without_an_owner_is_swept_once_it_is_old(age: float, left: bool, outer: Path) -> None:
    folder = plant(outer, owner=False, age=age)

    sweep(outer)

    assert folder.exists() == left


@on_linux
@pytest.mark.parametrize(("age", "left"), [(4000, True), (OLD, False)])
def test_where_there_are_no_locks_age_tells(
    age: float, left: bool, outer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(file: int, operation: int) -> None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    folder = plant(outer, age=age)
    monkeypatch.setattr("fcntl.flock", flock)

    with private_folder():
        assert folder.exists() == left


def test_a_temporary_folder_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "none"))

    with pytest.raises(InputError, match=r"the temporary folder .*none is no folder: set TMPDIR to a folder that can"):
        private_folder().__enter__()


def test_a_file_is_no_temporary_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "file"))

    with pytest.raises(InputError, match="file is no folder"):
        private_folder().__enter__()


def test_a_temporary_folder_whose_name_is_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/" + "a" * 5000)

    with pytest.raises(InputError, match="aaa is no folder"):
        private_folder().__enter__()


@on_linux
@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.EACCES, "can't be written: set TMPDIR to a folder that can be written"),
        (errno.EROFS, "can't be written: set TMPDIR to a folder that can be written"),
        (errno.ENOSPC, "outer is full: free some space or set TMPDIR to another folder"),
        (errno.EDQUOT, "outer has used up its disk quota: free some space or set TMPDIR to another folder"),
    ],
)
def test_a_temporary_folder_that_takes_nothing_is_told(
    number: int, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object, **more: object) -> str:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("tempfile.mkdtemp", fail)

    with pytest.raises(InputError, match=sentence):
        private_folder().__enter__()


def test_where_python_finds_no_temporary_folder_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.delenv("TMPDIR")
    monkeypatch.setattr("tempfile.gettempdir", fail)

    with pytest.raises(InputError, match="there is no temporary folder that can be written: set TMPDIR to one"):
        private_folder().__enter__()


@on_linux
def test_a_folder_that_can_not_be_owned_is_removed_again(outer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(file: int) -> bool:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(temporary, "_lock", fail)
    monkeypatch.setattr(Path, "stat", fail)
    with pytest.raises(OSError, match="Input/output error"):
        temporary._own(plant(outer, owner=False))
    monkeypatch.undo()

    assert list(outer.iterdir()) == []


def refused(capsys: pytest.CaptureFixture[str], number: int, *names: str) -> str:
    """What a command says that met this error of the system, in its temporary folder if names are given."""

    def run(arguments: argparse.Namespace) -> _entry.CommandOutcome:
        raise OSError(number, os.strerror(number), *(str(Path(tempfile.gettempdir()) / name) for name in names))

    assert _entry._guard(run, argparse.Namespace(json=False)) == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("names", [(), ("tmp1/model.h5",)])
def test_a_full_temporary_folder_is_named_and_not_the_output(
    names: tuple[str, ...], outer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, errno.ENOSPC, *names)

    assert said == f"the temporary folder {outer} is full: free some space or set TMPDIR to another folder\n"


def test_the_folder_of_a_command_inside_a_command_is_that_of_the_outer_one(outer: Path) -> None:
    with private_folder(), private_folder() as inner:
        error = OSError(errno.ENOSPC, "", str(inner / "file"))

    assert full_temporary_folder(error).startswith(f"the temporary folder {outer} is full")


def test_other_errors_name_no_temporary_folder(tmp_path: Path) -> None:
    assert full_temporary_folder(OSError(errno.ENOSPC, "", str(tmp_path / "file"))) == ""
    assert full_temporary_folder(OSError(errno.EACCES, "", str(tmp_path / f"{PREFIX}abcd1234" / "file"))) == ""
    assert full_temporary_folder(OSError(errno.ENOSPC, "")) == ""


@on_linux
@pytest.mark.parametrize(("free", "fuller"), [({"in": 1, "out": 2}, "in"), ({"in": 2, "out": 1}, "out")])
def test_an_error_that_names_no_file_names_the_fuller_disk(
    free: dict[str, int], fuller: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with private_folder() as folder:
        usage = shutil.disk_usage(folder)
        free_space = {folder: free["in"], tmp_path: free["out"]}
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=free_space[path]))
        monkeypatch.setattr(temporary, "_on_one_disk", lambda one, other: False)
        error = OSError(errno.ENOSPC, "")

        name_fuller(error, tmp_path / "new" / "artifacts")

    assert error.filename == str(folder if fuller == "in" else tmp_path / "new" / "artifacts")


def test_on_one_disk_the_output_is_named(tmp_path: Path) -> None:
    error = OSError(errno.ENOSPC, "")

    with private_folder():
        name_fuller(error, tmp_path / "artifacts")

    assert error.filename == str(tmp_path / "artifacts")


def test_the_traceback_of_an_error_of_our_own_stays(outer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(arguments: argparse.Namespace) -> _entry.CommandOutcome:
        raise RuntimeError("a defect")

    assert _entry._guard(run, argparse.Namespace(json=False)) == 70
    remove_ended()
    (left,) = outer.iterdir()
    assert "RuntimeError: a defect" in left.read_text()
    assert str(left) in capsys.readouterr().err


@on_linux
def test_what_a_library_removes_at_the_very_end_is_still_there(outer: Path) -> None:
    program = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
from scripts._temporary import private_folder
import atexit, shutil, tempfile
with private_folder():
    atexit.register(shutil.rmtree, tempfile.mkdtemp())
"""

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stderr == ""
    assert list(outer.iterdir()) == []
