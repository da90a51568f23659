"""Which folders of a tree hold the pictures to train on, to validate with and to test with, by their names."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tuning.data.pictures.folder_walk import files, subfolders, visible
from tuning.data.pictures.picture_decoding import SUFFIXES
from tuning.errors import InputError
from tuning.plain_names import alike

PARTS = ("train", "validation", "test")
_PART_NAME = re.compile(r"(train|training|val|valid|validation|test|testing)([ _-]?(set|data|images))?", re.IGNORECASE)
_CLASS_LIKE = ("train", "valid")
"""Names of parts that classes have, too: a vehicle, and what is not invalid."""
_TABLES = (".csv", ".tsv", ".xlsx")
_INSTEAD = {
    "validation": ", to set a part of the training pictures apart for validation",
    "test": ", or give the folder train alone, to set a sixth of each class apart for the test",
}
"""What else may be done about pictures of a part, and what then happens, for the end of a sentence."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where the class folders of a data set lie.

    `roots`: of each part that there is, in the order of `PARTS`, the folder that holds its class folders. `outside`:
    what lies beside them. `notes`: sentences on what was assumed.
    """

    roots: dict[str, Path]
    outside: tuple[Path, ...]
    notes: tuple[str, ...]


def find_layout(folder: Path) -> Layout:
    """Find the parts of `folder`; without any, all of it is to train on.

    Raises InputError if the names contradict each other, and for pictures of a part that lie in no class folders.
    """
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}: give one with a subfolder of pictures for each class")
    top = _innermost(folder, lambda path: _is_top(path, folder))
    inside = subfolders(top)
    if not inside:
        raise InputError(
            f"{folder} has no subfolders: put the pictures of each class into one, named after the class"
            f"{unread_table(folder)}"
        )
    notes = _descent(folder, top)
    parts = [path for path in inside if part_called(path.name)]
    others = [path for path in inside if not part_called(path.name)]
    if others and all(_is_class(path) for path in parts):
        what = f"counts as a class, as it holds pictures and lies beside {others[0].name}"
        notes += tuple(f"{path.name} {what}" for path in parts)
        return Layout(roots={"train": top}, outside=_files_between(folder, top), notes=notes)
    named = _by_part(top, parts)
    _check_others(top, named["train"], others)
    for part, path in named.items():
        _check_sorted(top, part, path)
    roots = _inner_roots(named)
    strays = (stray for part, root in roots.items() for stray in _files_between(named[part], root))
    return Layout(
        roots=roots,
        outside=(*_files_between(folder, top), *others, *strays),
        notes=(*notes, *(note for part, root in roots.items() for note in _descent(named[part], root))),
    )


def part_called(name: str) -> str:
    """The part that a folder of this name holds; empty for another name."""
    match = _PART_NAME.fullmatch(name.strip())
    return "" if match is None else next(part for part in PARTS if part.startswith(match[1].lower()[:3]))


def without(part: str, path: Path) -> str:
    """How to do without a folder of a part that nothing can be made of, for the end of a sentence."""
    return f", or move {path.name} out of {path.parent}{_INSTEAD[part]}" if part in _INSTEAD else ""


def unread_table(folder: Path) -> str:
    """A remark on a table that lies in the folder, for the end of a sentence; empty where none does."""
    tables = [path.name for path in visible(folder) if path.suffix.lower() in _TABLES]
    return f" (labels in a table like {tables[0]} are not read)" if tables else ""


def _innermost(folder: Path, is_goal: Callable[[Path], bool]) -> Path:
    """The first of `folder`, the only folder in it, the only one in that and so on that `is_goal`; else `folder`."""
    below = folder
    while not is_goal(below):
        inside = subfolders(below)
        if len(inside) != 1:
            return folder
        (below,) = inside
    return below


def _is_top(path: Path, folder: Path) -> bool:
    """Whether the parts or the classes of `folder` lie in `path`."""
    names = [inside.name for inside in subfolders(path)]
    is_part = path != folder and part_called(path.name) != ""
    return any(part_called(name) == "train" for name in names) or (len(names) > 1 and not is_part)


def _inner_roots(named: dict[str, Path]) -> dict[str, Path]:
    """The folders of the parts, without the further ones that some archives wrap them in."""
    train = _innermost(named["train"], lambda path: len(subfolders(path)) > 1)
    classes = {alike(path.name) for path in subfolders(train)}

    def has_class(path: Path) -> bool:
        return any(alike(inside.name) in classes for inside in subfolders(path))

    return {part: train if part == "train" else _innermost(path, has_class) for part, path in named.items()}


def _descent(outer: Path, inner: Path) -> tuple[str, ...]:
    return () if inner == outer else (f"classes are read from {inner}, as {outer} holds no other folder",)


def _files_between(outer: Path, inner: Path) -> tuple[Path, ...]:
    """Files that lie directly in `inner`, in `outer` or between the two."""
    folders = [path for path in (inner, *inner.parents) if path.is_relative_to(outer)]
    return tuple(path for folder in reversed(folders) for path in visible(folder) if not path.is_dir())


def _pictures(folder: Path) -> list[Path]:
    """The files directly in the folder that are called like pictures."""
    return [path for path in visible(folder) if path.suffix.lower() in SUFFIXES and not path.is_dir()]


def _is_class(path: Path) -> bool:
    """Whether a folder that is called like a part, but lies beside others that are not, is one more class."""
    return path.name.lower() in _CLASS_LIKE and bool(_pictures(path)) and not subfolders(path)


def _by_part(top: Path, parts: Sequence[Path]) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for part in PARTS:
        called = [path for path in parts if part_called(path.name) == part]
        if len(called) > 1:
            names = " and ".join(path.name for path in called)
            raise InputError(f"{top} has {names}, which both mean {part}: put their pictures into one of them")
        if called:
            (named[part],) = called
    if "train" not in named:
        found = " and ".join(path.name for path in named.values())
        raise InputError(
            f"{top} has {found} but no train: name the folder of the training pictures train, and put their class "
            "folders into it"
        )
    return named


def _check_others(top: Path, train: Path, others: Sequence[Path]) -> None:
    """Raise InputError if there are pictures in folders that are no parts."""
    for path in others:
        if any(file.suffix.lower() in SUFFIXES for file in files(path)):
            raise InputError(
                f"{top} has {path.name} beside {train.name}: its subfolders must be {', '.join(PARTS)}, or one for "
                "each class"
            )


def _check_sorted(top: Path, part: str, path: Path) -> None:
    """Raise InputError if the pictures of a part lie in no class folders."""
    if _pictures(path) and not any(True for inside in subfolders(path) for _ in files(inside)):
        raise InputError(
            f"{path} holds pictures but no class folders, so nothing says which classes they show"
            f"{unread_table(path) or unread_table(top)}: put those of each class into a folder named after it"
            f"{without(part, path)}"
        )
