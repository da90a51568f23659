"""What commands leave behind, in the temporary folder and beside their outputs, and what others planted there."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from scripts._temporary import PREFIX
from scripts.benches.hostility.case import Attack, AttackKind, CasePlace
from scripts.benches.hostility.settings import NOBODY, as_nobody, predict, search, then, with_mounts, with_variables

LEFT = f"{PREFIX}abcd1234"
OLD_SECONDS = 30 * 24 * 3600
DEPTH = 1500

_SIGNALLED = """
import os, pathlib, signal, subprocess, sys, time
number, *words = sys.argv[1:]
temporary = pathlib.Path(os.environ["TMPDIR"])
process = subprocess.Popen(words, process_group=0)
while process.poll() is None and not [path for path in temporary.glob("*/*") if path.name != ".owner"]:
    time.sleep(0.01)
time.sleep(0.5)
process.poll() is None and os.killpg(process.pid, int(number))
process.wait()
"""
"""Sends a signal to a command and all that it started once it has something in its temporary folder."""
_THEN_PREDICT = "\nsys.exit(subprocess.call([sys.executable, *{predict!r}]))\n"
_HELD = """
import fcntl, subprocess, sys
with open(sys.argv[1], "r+") as owner:
    fcntl.flock(owner, fcntl.LOCK_EX)
    sys.exit(subprocess.call(sys.argv[2:], close_fds=True))
"""


def _planted(place: CasePlace, name: str = LEFT, *, owner: bool = True, age: float = 0) -> Path:
    """A folder as a command leaves it that was killed."""
    folder = place.temporary / name
    folder.mkdir(mode=0o700)
    if owner:
        (folder / ".owner").touch()
    (folder / "tmpdir").mkdir()
    (folder / "tmpdir" / "__autograph_generated_file.py").write_text("pass\n", encoding="utf-8")
    moment = folder.stat().st_mtime - age
    os.utime(folder, (moment, moment))
    return folder


def _predict_after(plant: Callable[[CasePlace], object]) -> Callable[[CasePlace], Sequence[str]]:
    def prepare(place: CasePlace) -> Sequence[str]:
        plant(place)
        return predict(place)

    return prepare


def _link(place: CasePlace) -> None:
    mine = place.folder.parent / "mine"
    mine.mkdir(mode=0o700)
    (mine / ".owner").touch()
    (mine / "file").touch()
    (place.temporary / LEFT).symlink_to(mine)


def _links_inside(place: CasePlace) -> None:
    mine = place.folder.parent / "mine"
    mine.mkdir()
    (mine / "file").write_text("mine", encoding="utf-8")
    folder = _planted(place)
    (folder / "tmpdir" / "folder").symlink_to(mine)
    (folder / "file").symlink_to(mine / "file")


def _other_users(place: CasePlace) -> None:
    os.chown(_planted(place, age=OLD_SECONDS), NOBODY, NOBODY)


def _readable(place: CasePlace) -> None:
    _planted(place, age=OLD_SECONDS).chmod(0o755)


def _pipe(place: CasePlace) -> None:
    os.mkfifo(_planted(place, owner=False) / ".owner")


def _linked_owner(place: CasePlace) -> None:
    (place.folder / "mine").touch()
    (_planted(place, owner=False) / ".owner").symlink_to(place.folder / "mine")


def _deep(place: CasePlace) -> None:
    at = os.open(_planted(place), os.O_RDONLY)
    for _ in range(DEPTH):
        os.mkdir("d", dir_fd=at)
        inner = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    os.close(at)


def _running(place: CasePlace) -> Sequence[str]:
    owner = _planted(place) / ".owner"
    words = then(place, _HELD, *predict(place))
    return [*words[:3], str(owner), *words[3:]]


def _bad_picture(place: CasePlace) -> Sequence[str]:
    words = predict(place)
    (place.folder / "one.png").write_bytes(b"no picture")
    return words


def _nothing_published(place: CasePlace) -> Sequence[str]:
    return ["verify.py", "artifacts"]


def _old_lock(place: CasePlace) -> Sequence[str]:
    words = predict(place)
    (place.folder / ".artifacts.lock").touch()
    return words


def _temporary(name: str) -> Callable[[CasePlace], Sequence[str]]:
    def prepare(place: CasePlace) -> Sequence[str]:
        (place.folder / "file").touch()
        return with_variables(predict(place), TMPDIR=place.folder / name)

    return prepare


def _unwritable(place: CasePlace) -> Sequence[str]:
    words = as_nobody(place, predict(place))
    place.temporary.chmod(0o755)
    return words


def _mounted(mount: str, words: Callable[[CasePlace], Sequence[str]]) -> Callable[[CasePlace], Sequence[str]]:
    def prepare(place: CasePlace) -> Sequence[str]:
        return with_mounts(words(place), mount.format(temporary=place.temporary))

    return prepare


def _export(place: CasePlace) -> Sequence[str]:
    place.goods.runs(place.folder)
    return ["export.py", "--run", "first", "--format", "onnx", "--output", "out"]


def _signalled(number: int, words: Callable[[CasePlace], Sequence[str]]) -> Callable[[CasePlace], Sequence[str]]:
    """A command that gets a signal in the middle, then another one that works."""

    def prepare(place: CasePlace) -> Sequence[str]:
        after = then(place, "", *predict(place))[4:]
        command = then(place, _SIGNALLED + _THEN_PREDICT.format(predict=after), *words(place))
        return [*command[:3], str(number), *command[3:]]

    return prepare


def _no_lock(place: CasePlace, done: subprocess.CompletedProcess[str]) -> Sequence[str]:
    del done
    return [f"{path.name} was left" for path in place.folder.rglob("*.lock")]


def _swept(place: CasePlace, done: subprocess.CompletedProcess[str]) -> Sequence[str]:
    del done
    return [f"{LEFT} is still there"] if os.path.lexists(place.temporary / LEFT) else []


_SWEPT = (f"../tmp/{LEFT}",)
_PLANTED: Sequence[tuple[str, Callable[[CasePlace], object], tuple[str, ...]]] = (
    ("a folder that a killed command left is swept", _planted, _SWEPT),
    (
        "a folder left without an owner for a month is swept",
        lambda p: _planted(p, owner=False, age=OLD_SECONDS),
        _SWEPT,
    ),
    ("a folder that has no owner yet stays", lambda p: _planted(p, owner=False), ()),
    ("a folder that is like ours but for its name stays", lambda p: _planted(p, f"{PREFIX}A", age=OLD_SECONDS), ()),
    ("a link under the name of such a folder is not followed", _link, ()),
    ("links in a folder that is swept are not followed", _links_inside, _SWEPT),
    ("a folder that others can read stays", _readable, ()),
    ("a pipe in the owner's place does not hang", _pipe, _SWEPT),
    ("a link in the owner's place is not followed", _linked_owner, ()),
    ("a folder of fifteen hundred in one another ends nothing", _deep, _SWEPT),
    ("a file under such a name stays", lambda p: (p.temporary / LEFT).touch(), ()),
)
_FULL = "mount -t tmpfs -o size=4k none {temporary} && head -c 4096 /dev/zero > {temporary}/full"
_TINY = "mount -t tmpfs -o size=64k none {temporary}"
_IS_FULL = r"the temporary folder \S+ is full: free some space or set TMPDIR"

CASES: tuple[Attack, ...] = (
    *(
        Attack(
            kind=AttackKind.LEFTOVERS,
            name=name,
            prepare=_predict_after(plant),
            codes=(0,),
            says="one.png",
            changes=changes,
            check=_swept if changes and plant is not _deep else None,
            needs_linux=True,
        )
        for name, plant, changes in _PLANTED
    ),
    Attack(
        kind=AttackKind.LEFTOVERS,
        name="another user's folder stays",
        prepare=_predict_after(_other_users),
        codes=(0,),
        needs_root=True,
        needs_linux=True,
    ),
    *(
        Attack(kind=AttackKind.LEFTOVERS, name=name, prepare=prepare, codes=codes, says=says, needs_linux=linux)
        for name, prepare, codes, says, linux in (
            ("a running command keeps its folder", _running, (0,), "one.png", True),
            ("a refused picture leaves nothing", _bad_picture, (2,), "one.png", False),
            ("a refused folder leaves nothing", _nothing_published, (2,), "artifacts", False),
            ("a temporary folder that is missing", _temporary("none"), (2,), r"none is no folder: set TMPDIR", True),
            ("a file in the place of the temporary folder", _temporary("file"), (2,), r"file is no folder", True),
            ("a device in the place of the temporary folder", _temporary("/dev/full"), (2,), "is no folder", True),
            ("a temporary folder without writing", _temporary("/proc"), (2,), "can't be written: set TMPDIR", True),
            ("a temporary folder on a full disk", _mounted(_FULL, predict), (0, 2), f"one.png|{_IS_FULL}", True),
        )
    ),
    Attack(
        kind=AttackKind.LEFTOVERS,
        name="a lock that an earlier version left is no hindrance",
        prepare=_old_lock,
        codes=(0,),
        changes=(".artifacts.lock",),
    ),
    Attack(
        kind=AttackKind.LEFTOVERS,
        name="a temporary folder of another user",
        prepare=_unwritable,
        codes=(2,),
        says="can't be written: set TMPDIR",
        needs_root=True,
        needs_linux=True,
    ),
    Attack(
        kind=AttackKind.LEFTOVERS,
        name="a temporary folder too small for an export is named, and not the output",
        prepare=_mounted(_TINY, _export),
        codes=(2,),
        says=_IS_FULL,
        changes=("runs", "out"),
        seconds=30,
        slow=True,
        needs_linux=True,
    ),
    Attack(
        kind=AttackKind.LEFTOVERS,
        name="an export leaves no lock",
        prepare=_export,
        codes=(0,),
        changes=("out",),
        check=_no_lock,
        seconds=30,
        slow=True,
    ),
    Attack(
        kind=AttackKind.LEFTOVERS,
        name="a search leaves no lock",
        prepare=search,
        codes=(0,),
        changes=("runs",),
        check=_no_lock,
        seconds=40,
        slow=True,
    ),
    *(
        Attack(
            kind=AttackKind.LEFTOVERS,
            name=f"{command} that gets signal {number} in the middle leaves nothing for long",
            prepare=_signalled(number, words),
            codes=(0,),
            says="one.png",
            changes=("runs", "out", ".out.*"),
            seconds=60,
            slow=True,
            needs_linux=True,
        )
        for number in (9, 15, 2)
        for command, words in (("an export", _export), ("a search", search))
    ),
)
