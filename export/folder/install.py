"""Put a finished folder in place so that a crash at any moment leaves the old state or the new one, never a mixture.

While `NAME` is written, there lie beside it: `.NAME.staged`, what is being made; `.NAME.old`, the parts that make room
for it; `.NAME.ready`, what was staged, once nothing that can fail is left; `.NAME.removed-N`, old parts to be removed.
`.NAME.old` alone means that the old state is put back, `.NAME.ready` that the new one is completed.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from collections.abc import Iterator, Set
from pathlib import Path

from export.artifact import MANIFEST, REPLACED
from export.errors import InputError, VerificationError
from export.files.moving import mounts_below, move, remove
from export.folder.manifest import read_manifest
from export.folder.published_files import check_digests

_PROBE = ".probe"


@contextlib.contextmanager
def lock_folder(target: Path) -> Iterator[None]:
    """Keep other processes from publishing to `target`, and finish what a crashed one had begun to put in place.

    Raises InputError if another process holds the lock, and if what was begun can't be finished.
    """
    # Only who writes needs filelock.
    from tuning.files.file_lock import lock_file

    target.resolve().parent.mkdir(parents=True, exist_ok=True)
    busy = f"{target} is being written by another process: wait for it or stop it"
    with lock_file(_beside(target, "lock"), busy=busy):
        recover(target)
        yield


@contextlib.contextmanager
def staging_folder(target: Path) -> Iterator[Path]:
    """An empty folder on the same disk, gone afterwards unless `install` took it."""
    folder = _beside(target, "staged")
    remove(folder)
    folder.mkdir()
    try:
        yield folder
    finally:
        remove(folder)


def whole_state(target: Path) -> Path:
    """The folder that holds what was published to `target`: itself, after a publication that was cut off there is
    completed.

    Where that can't be done, such as on a disk that can't be written, it is the folder that holds all of the new state,
    or all of the old one. Raises InputError if there is none.
    """
    must = any(_beside(target, state).is_dir() for state in ("ready", "old"))
    litter = [_beside(target, "staged"), _beside(target, "lock"), *_list_removed(target)]
    if not must and not any(path.exists() for path in litter):
        return target
    try:
        with lock_folder(target):
            return target
    except (InputError, OSError) as error:
        if not must:
            return target
        for folder in (target, _beside(target, "ready")):
            if _is_whole(folder):
                return folder
        reason = str(error) if isinstance(error, InputError) else error.strerror
        raise InputError(
            f"{target} was left half-way by a publication that was cut off, and can't be completed here ({reason}): "
            "run this where the folder around it can be written, or export again with another --output"
        ) from error


def require_replaceable(staged: Path, target: Path) -> None:
    """Find out whether `install` can replace what is in `target`, before work is put into it.

    Raises InputError for disks mounted there, another OSError as the system does.
    """
    if not target.is_dir():
        return
    disks = mounts_below(target)
    if disks:
        raise InputError(f"{disks[0]} is a disk of its own: choose a folder inside it, or another --output")
    probe = staged / _PROBE
    probe.mkdir()
    probe.rename(target / _PROBE).rmdir()


def install(staged: Path, target: Path) -> tuple[str, ...]:
    """Move everything from `staged` into `target`, the manifest last. The answer is a sentence for each old part that
    could not be removed.

    All that can fail is done first: the old parts are moved away, and back again if one of them can't be. Then the
    rename to `ready` decides: before it the old state counts, after it `recover` completes the new one. Raises
    InputError if an old part can't be moved; the old state is then in place.
    """
    is_new = not target.exists()
    target.mkdir(exist_ok=True)
    try:
        _make_room(target, {path.name for path in staged.iterdir()} | REPLACED)
        _try_to_replace(target / MANIFEST, _beside(target, "old"))
        staged.rename(_beside(target, "ready"))
    except (InputError, OSError):
        _put_back(target)
        if is_new:
            target.rmdir()
        raise
    return recover(target)


def recover(target: Path) -> tuple[str, ...]:
    """Complete an `install` that was cut off, or take it back if nothing was decided yet; nothing to do is fine.

    Call it with the lock held. Answers as `install` does, and raises InputError if something is in the way.
    """
    ready, old = _beside(target, "ready"), _beside(target, "old")
    remove(_beside(target, "staged"))
    remove(target / _PROBE)
    if ready.is_dir():
        target.mkdir(exist_ok=True)
        # Earlier versions did not make room first.
        _make_room(target, {path.name for path in ready.iterdir()})
        for path in sorted(ready.iterdir(), key=lambda path: (path.name == MANIFEST, path.name)):
            _put(path, target / path.name)
        (old / MANIFEST).unlink(missing_ok=True)
        old.rename(_free_name(target))
        ready.rmdir()
    else:
        _put_back(target)
    left = {path: remove(path) for path in _list_removed(target)}
    return tuple(f"{path} can't be removed ({why}): it is not needed any more" for path, why in left.items() if why)


def _make_room(target: Path, names: Set[str]) -> None:
    """Move the parts of these names into `old`; the manifest stays in its place."""
    old = _beside(target, "old")
    old.mkdir(exist_ok=True)
    for name in sorted(names - {MANIFEST}):
        part = target / name
        if not (part.is_symlink() or part.exists()):
            continue
        if mounts_below(part):
            raise InputError(f"{part} is or holds a disk of its own: choose another --output")
        try:
            move(part, old / name)
        except OSError as error:
            raise InputError(
                f"{part} can't be replaced ({error.strerror}): move it away, or choose another --output"
            ) from error


def _try_to_replace(file: Path, old: Path) -> None:
    """Put a copy of the file into its place. Raises InputError if that can't be done."""
    if not file.is_file():
        return
    try:
        shutil.copyfile(file, old / file.name)
        (old / file.name).replace(file)
    except OSError as error:
        raise InputError(f"{file} can't be replaced ({error.strerror}): choose another --output") from error


def _put_back(target: Path) -> None:
    old = _beside(target, "old")
    if not old.is_dir():
        return
    # A copy of the manifest is no part that was moved.
    (old / MANIFEST).unlink(missing_ok=True)
    for path in sorted(old.iterdir()):
        move(path, target / path.name)
    old.rmdir()


def _put(path: Path, place: Path) -> None:
    """Put a part into its place, which is free, or a file into that of another file."""
    if path.is_dir():
        move(path, place)
    else:
        path.replace(place)


def _is_whole(folder: Path) -> bool:
    try:
        check_digests(folder, read_manifest(folder).digests)
    except (InputError, VerificationError):
        return False
    return True


def _list_removed(target: Path) -> list[Path]:
    """Old parts that are on their way out."""
    target = target.resolve()
    start = f".{target.name}.removed-"
    if not os.path.isdir(target.parent):  # noqa: PTH112 nor is it where a name is too long
        return []
    return sorted(path for path in target.parent.iterdir() if path.name.startswith(start))


def _free_name(target: Path) -> Path:
    taken = {path.name for path in _list_removed(target)}
    return next(
        path for number in itertools.count(1) if (path := _beside(target, f"removed-{number}")).name not in taken
    )


def _beside(target: Path, state: str) -> Path:
    target = target.resolve()
    return target.with_name(f".{target.name}.{state}")
