"""Faults of the machine itself: its clock, memory, processors, locks, disks, devices and the user's own folders."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence

from scripts.benches.hostility.case import Attack, AttackKind, CasePlace
from scripts.benches.hostility.settings import (
    as_nobody,
    long_folder,
    predict,
    search,
    with_mounts,
    with_patch,
    with_variables,
)

TINY_FILES = 100_000
_HOUR = 3600
_JUMP = """
import time
real, start = time.time, time.monotonic()
time.time = lambda: real() + ({seconds} if time.monotonic() - start > 4 else 0)
"""
_NO_LOCKS = """
import errno, fcntl
def flock(file, operation):
    raise OSError(errno.{name}, "not here")
fcntl.flock = flock
"""
_MODEL = """
import os, resource, signal, sys
import keras

in_worker = any("tuning.executors.worker" in word for word in sys.orig_argv)

def build(hp):
    units = hp.Choice("units", [4, 8])
    if in_worker and (units == 8 or {always}):
        {fault}
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(units)]
    model = keras.Sequential([*layers, keras.layers.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
"""
_KILLED = "os.kill(os.getpid(), signal.SIGKILL)"
_NO_MEMORY = "resource.setrlimit(resource.RLIMIT_AS, (2**27, 2**27)); bytearray(2**30)"
_WORKERS = ("--workers", "1", "--max-trials", "2")


def _clock(seconds: int, *more: str) -> Callable[[CasePlace], Sequence[str]]:
    return lambda place: with_patch(place, search(place, *more), _JUMP.format(seconds=seconds))


def _without_locks(name: str, words: Callable[[CasePlace], Sequence[str]]) -> Callable[[CasePlace], Sequence[str]]:
    return lambda place: with_patch(place, words(place), _NO_LOCKS.format(name=name))


def _worker_that(fault: str, *, always: bool = False) -> Callable[[CasePlace], Sequence[str]]:
    def prepare(place: CasePlace) -> Sequence[str]:
        (place.folder / "own.py").write_text(_MODEL.format(fault=fault, always=always), encoding="utf-8")
        return search(place, "--model", "own.py:build", *_WORKERS)

    return prepare


def _export(place: CasePlace) -> list[str]:
    place.goods.runs(place.folder)
    return ["export.py", "--run", "first", "--format", "onnx"]


def _verify_nothing(place: CasePlace) -> list[str]:
    return ["verify.py", "artifacts"]


def _mounted(mounts: str, words: Callable[[CasePlace], Sequence[str]]) -> Callable[[CasePlace], Sequence[str]]:
    def prepare(place: CasePlace) -> Sequence[str]:
        (place.folder / "disk").mkdir()
        return with_mounts(words(place), mounts)

    return prepare


def _home(
    words: Callable[[CasePlace], Sequence[str]], home: str = "", unset: Sequence[str] = ()
) -> Callable[[CasePlace], Sequence[str]]:
    names = ("HOME", "KERAS_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
    given = {} if unset else dict.fromkeys(names, home)
    return lambda place: with_variables(words(place), unset=names if unset else (), **given)


def _long_temporary(length: int, words: Callable[[CasePlace], Sequence[str]]) -> Callable[[CasePlace], Sequence[str]]:
    return lambda place: with_variables(words(place), TMPDIR=long_folder(place.folder, length))


def _long_name(words: Sequence[str], length: int) -> Callable[[CasePlace], Sequence[str]]:
    def prepare(place: CasePlace) -> Sequence[str]:
        place.goods.artifacts(place.folder)
        return [word if word != "LONG" else "/".join(["d" * 99] * (length // 100)) for word in words]

    return prepare


def _tiny_files(place: CasePlace) -> Sequence[str]:
    for name in ("a", "b"):
        (place.folder / "data" / name).mkdir(parents=True)
    for number in range(TINY_FILES):
        (place.folder / "data" / "a" / f"{number}.png").touch()
    (place.folder / "data" / "b" / "0.png").touch()
    return ["tune.py", "--data", "data", "--max-trials", "1", "--epochs", "1"]


def _limited(limit: str, words: Callable[[CasePlace], Sequence[str]]) -> Callable[[CasePlace], Sequence[str]]:
    def prepare(place: CasePlace) -> Sequence[str]:
        command = with_variables(words(place))
        return ["sh", "-c", f'ulimit {limit} && exec "$@"', "sh", *command]

    return prepare


def _no_lock(place: CasePlace, done: subprocess.CompletedProcess[str]) -> Sequence[str]:
    """Nothing of a lock may be left where there are none."""
    del done
    return [f"{path.name} was left" for path in place.folder.rglob("*.lock*")]


_LOCKS = ("ENOSYS", "ENOTSUP", "ENOLCK")
_QUICK: Sequence[tuple[str, Callable[[CasePlace], Sequence[str]], tuple[int, ...], str]] = (
    *((f"flock unsupported ({name}), predict.py", _without_locks(name, predict), (0,), "one.png") for name in _LOCKS),
    ("no HOME, predict.py", _home(predict, unset=("HOME",)), (0,), "one.png"),
    ("a HOME that is no folder, predict.py", _home(predict, "/dev/null"), (0,), "one.png"),
    ("a HOME that can't be written, predict.py", _home(predict, "/proc"), (0,), "one.png"),
    ("no /dev/shm, predict.py", _mounted("mount -t tmpfs -o ro none /dev/shm", predict), (0,), "one.png"),
    ("a TMPDIR of 300 characters, predict.py", _long_temporary(300, predict), (0,), "one.png"),
    ("a TMPDIR of 3,900 characters, predict.py", _long_temporary(3900, predict), (0,), "one.png"),
    ("a path of 4,000 characters, verify.py", _long_name(["verify.py", "LONG"], 4000), (2,), "ddd"),
    ("a path of 5,000 characters, verify.py", _long_name(["verify.py", "LONG"], 5000), (2,), "ddd"),
    (
        "a picture's path of 4,000 characters, predict.py",
        _long_name(["predict.py", "LONG", "--artifacts", "artifacts"], 4000),
        (2,),
        "ddd",
    ),
    (
        "a picture's path of 5,000 characters, predict.py",
        _long_name(["predict.py", "LONG", "--artifacts", "artifacts"], 5000),
        (2,),
        "ddd",
    ),
    (
        "a model's path of 5,000 characters, export.py",
        _long_name(["export.py", "--model", "LONG", "--dataset", "digits"], 5000),
        (2,),
        "ddd",
    ),
    ("24 open files, predict.py", _limited("-n 24", predict), (0,), "one.png"),
    ("24 open files, verify.py", _limited("-n 24", _verify_nothing), (2,), "artifacts"),
)
_SLOW: Sequence[tuple[str, Callable[[CasePlace], Sequence[str]], tuple[int, ...], str, tuple[str, ...]]] = (
    ("the clock jumps an hour ahead in a search", _clock(_HOUR, "--budget", "60s"), (0,), "new", ("runs",)),
    ("the clock jumps an hour back in a search", _clock(-_HOUR, "--budget", "60s"), (0,), "new", ("runs",)),
    ("a worker that the system kills for its memory", _worker_that(_KILLED), (0,), "SIGKILL", ("runs",)),
    ("every worker is killed", _worker_that(_KILLED, always=True), (1,), "SIGKILL", ("runs",)),
    ("a worker that gets no more memory", _worker_that(_NO_MEMORY), (0,), "memory|ended", ("runs",)),
    *(
        (f"flock unsupported ({name}), tune.py", _without_locks(name, search), (0,), "new", ("runs",))
        for name in _LOCKS[1:]
    ),
    ("flock unsupported (ENOTSUP), export.py", _without_locks("ENOTSUP", _export), (0,), "onnx", ("runs/first",)),
    (
        "a full disk for the runs",
        _mounted("mount -t tmpfs -o size=12k none disk", lambda place: search(place, "--runs", "disk/runs")),
        (2,),
        "the disk is full: free some space",
        (),
    ),
    ("no /dev/shm, tune.py", _mounted("mount -t tmpfs -o ro none /dev/shm", search), (0,), "new", ("runs",)),
    ("no HOME, tune.py", _home(search, unset=("HOME",)), (0,), "new", ("runs",)),
    ("a HOME that can't be written, tune.py", _home(search, "/proc"), (0,), "new", ("runs",)),
    (
        "a TMPDIR of 300 characters and a worker, tune.py",
        _long_temporary(300, lambda place: search(place, *_WORKERS)),
        (0,),
        "new",
        ("runs",),
    ),
    ("100,000 empty files in a class folder", _tiny_files, (2,), "can't be read|is empty|picture", ()),
)

CASES: tuple[Attack, ...] = (
    *(
        Attack(kind=AttackKind.MACHINE, name=name, prepare=prepare, codes=codes, says=says, needs_linux=True)
        for name, prepare, codes, says in _QUICK
    ),
    *(
        Attack(
            kind=AttackKind.MACHINE,
            name=name,
            prepare=prepare,
            codes=codes,
            says=says,
            changes=changes,
            check=_no_lock,
            seconds=60.0,
            slow=True,
            needs_linux=True,
        )
        for name, prepare, codes, says, changes in _SLOW
    ),
    Attack(
        kind=AttackKind.MACHINE,
        name="runs of another user, export.py",
        prepare=lambda place: as_nobody(place, _export(place)),
        codes=(2,),
        says="permission is denied: choose another folder",
        seconds=30.0,
        slow=True,
        needs_root=True,
        needs_linux=True,
    ),
)
