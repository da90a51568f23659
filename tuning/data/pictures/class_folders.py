"""The class folders of each part: which class each of them is, whichever way its name is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tuning.data.array_checks import MAX_CLASSES
from tuning.data.pictures.folder_layout import unread_table, without
from tuning.data.pictures.folder_walk import files, subfolders, visible
from tuning.errors import InputError
from tuning.plain_names import alike, plain

_ANNOTATED = frozenset({"images", "labels", "annotations", "masks"})
"""Folders of data sets that say where in a picture something is."""


@dataclass(frozen=True, kw_only=True)
class ClassFolder:
    """A folder of pictures that show the class of that number, in one part."""

    path: Path
    label: int


@dataclass(frozen=True, kw_only=True)
class Classes:
    """The classes by number.

    `names`: as they go into models, `folder_names`: as their training folders are called. `notes`: sentences on what
    was assumed.
    """

    names: tuple[str, ...]
    folder_names: tuple[str, ...]
    notes: tuple[str, ...]


def find_classes(root: Path) -> Classes:
    """The classes to train, from the class folders in `root`; empty ones are left out with a note.

    Raises InputError unless there are 2 to 1,000, each with one folder.
    """
    folders = subfolders(root)
    kept = [path for path in folders if next(files(path), None) is not None]
    _check_count(root, folders)
    if not kept:
        raise InputError(f"{root} holds no pictures: add some to its class folders")
    if {path.name.lower() for path in folders} <= _ANNOTATED:
        raise InputError(
            f"{root} has {' and '.join(path.name for path in folders)}, as data sets for detection and segmentation "
            "have, but no folder for each class: put the pictures of each class into a folder named after it"
        )
    _check_count(root, kept)
    names = tuple(plain(path.name) for path in kept)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        written = " and ".join(ascii(path.name) for path in kept if plain(path.name) == twice[0])
        raise InputError(f"{root} has the folders {written} for one class: put their pictures into one of them")
    return Classes(
        names=names,
        folder_names=tuple(path.name for path in kept),
        notes=(*_empty(folders, kept), *_alike(names), *_note_nested(kept)),
    )


def match_classes(part: str, root: Path, classes: Classes) -> tuple[list[ClassFolder], tuple[str, ...]]:
    """The class folders of a part, and notes on those whose names are written in another case than in train.

    Empty ones of other classes are left out. Raises InputError for pictures of a class that `classes` lacks.
    """
    labels = {name: label for label, name in enumerate(classes.names)}
    counts = Counter(alike(name) for name in labels)
    by_likeness = {alike(name): label for name, label in labels.items() if counts[alike(name)] == 1}
    found, strange, notes = [], [], []
    for path in subfolders(root):
        label = labels.get(plain(path.name), by_likeness.get(alike(path.name)))
        if label is not None:
            found.append(ClassFolder(path=path, label=label))
            if classes.names[label] != plain(path.name):
                notes.append(f"{path} counts as class {classes.names[label]}, as it is called in train")
        elif next(files(path), None) is not None:
            strange.append(path)
    if strange and not found:
        names = ", ".join(path.name for path in strange[:5])
        raise InputError(
            f"{root} has {names} but no folder of a class to train, so nothing says which classes its pictures show: "
            f"put those of each class into a folder named as in train{without(part, root)}"
        )
    if strange:
        raise InputError(
            f"{strange[0]} shows class {strange[0].name}, which train lacks: add training pictures of it or remove it"
        )
    return found, tuple(notes)


def _check_count(root: Path, folders: Sequence[Path]) -> None:
    if 2 <= len(folders) <= MAX_CLASSES:
        return
    shown = f" ({folders[0].name})" if len(folders) == 1 else ""
    raise InputError(
        f"{root} has {len(folders)} class folders{shown} but must have 2 to {MAX_CLASSES}: give each "
        f"class a subfolder{unread_table(root)}"
    )


def _empty(folders: Sequence[Path], kept: Sequence[Path]) -> tuple[str, ...]:
    empty = [path for path in folders if path not in kept]
    if not empty:
        return ()
    more = f", and {len(empty) - 1} more" if len(empty) > 1 else ""
    return (f"left out because it holds no files: class folder {empty[0]}{more}",)


def _alike(names: Sequence[str]) -> tuple[str, ...]:
    groups = Counter(alike(name) for name in names)
    pairs = [
        " and ".join(name for name in names if alike(name) == group) for group, count in groups.items() if count > 1
    ]
    return tuple(f"the classes {pair} differ in case only" for pair in pairs)


def _note_nested(folders: Sequence[Path]) -> tuple[str, ...]:
    """A note where no class has pictures of its own: its folders may be the classes that were meant."""
    if any(not inside.is_dir() for path in folders for inside in visible(path)):
        return ()
    within = [path.name for path in subfolders(folders[0])]
    names = ", ".join(within[:3]) + (", …" if len(within) > 3 else "")
    return (
        f"every class folder holds folders only ({folders[0].name}: {names}): all pictures below it count as its class",
    )
