"""Which files of a folder belong to which class and part: names and folders only, no file is opened."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tuning.data.drawn_test import draw_sixth
from tuning.data.pictures.class_folders import ClassFolder, find_classes, match_classes
from tuning.data.pictures.folder_layout import PARTS, find_layout
from tuning.data.pictures.folder_walk import files, files_once
from tuning.errors import InputError
from tuning.plain_names import flaw, readable


@dataclass(frozen=True, kw_only=True)
class ListedPicture:
    """A file that should be a picture: what it is for, and the number of its class."""

    path: Path
    part: str
    label: int


@dataclass(frozen=True, kw_only=True)
class Listing:
    """All files of the class folders, by part, class and name.

    `folder_names`: of each class, as its training folder is called. `parts`: those that are to have pictures.
    `is_test_drawn`: no test pictures are given, so the seed chooses them from those to train on. `outside`: what lies
    in no class folder. `notes`: sentences on what was assumed.
    """

    class_names: tuple[str, ...]
    folder_names: tuple[str, ...]
    pictures: tuple[ListedPicture, ...]
    parts: tuple[str, ...]
    is_test_drawn: bool
    outside: tuple[str, ...]
    notes: tuple[str, ...]


def list_pictures(folder: Path) -> Listing:
    """Read the layout of `folder`.

    Raises InputError if it is none, if there are not 2 to 1,000 classes, if a class is to be validated or tested that
    is not trained, for two classes that are one folder, and for names that are not UTF-8 or hold control characters.
    """
    layout = find_layout(folder)
    _check_names(folder, [*layout.outside, *(path for root in layout.roots.values() for path in files(root))])
    classes = find_classes(layout.roots["train"])
    notes = [*layout.notes, *classes.notes]
    pictures = []
    for part, root in layout.roots.items():
        found, remarks = match_classes(part, root, classes)
        notes += remarks
        listed, links = _list_pictures(part, found)
        notes += links
        if not listed:
            raise InputError(f"{root} holds no pictures: add some or remove the folder")
        pictures += listed
    return Listing(
        class_names=classes.names,
        folder_names=classes.folder_names,
        pictures=tuple(pictures),
        parts=tuple(part for part in PARTS if part in layout.roots or part == "test"),
        is_test_drawn="test" not in layout.roots,
        outside=tuple(path.relative_to(folder).as_posix() for path in layout.outside),
        notes=tuple(notes),
    )


def _list_pictures(part: str, folders: Sequence[ClassFolder]) -> tuple[list[ListedPicture], tuple[str, ...]]:
    """The pictures of a part, and notes on links in class folders that lead to what is read already.

    Raises InputError for two classes that are one folder.
    """
    owners: dict[Path, ClassFolder] = {}
    for folder in folders:
        real = folder.path.resolve()
        if owners.setdefault(real, folder).label != folder.label:
            raise InputError(
                f"{owners[real].path} and {folder.path} are one folder but two classes: remove the link or give it "
                "pictures of its own"
            )
    found, links = files_once([folder.path for folder in folders])
    pictures = [
        ListedPicture(path=path, part=part, label=folder.label)
        for folder, paths in zip(folders, found, strict=True)
        for path in paths
    ]
    if not links:
        return pictures, ()
    more = f", and {len(links) - 1} more" if len(links) > 1 else ""
    return pictures, (f"left out because it is a link to a folder that is read already: {links[0]}{more}",)


def _check_names(folder: Path, paths: Sequence[Path]) -> None:
    """Raise InputError for the first name that can't go into every message and exported file."""
    own = folder.resolve().name
    if flaw(own):
        raise InputError(f"the name of the folder {readable(own)} {flaw(own)}: rename it")
    flawed = dict.fromkeys(part for path in paths if flaw(str(path)) for part in _find_flawed(path.relative_to(folder)))
    if flawed:
        first, *others = flawed
        more = f" (and {len(others)} more)" if others else ""
        raise InputError(f"the name of {readable(str(folder / first))} {flaw(first.name)}{more}: rename it")


def _find_flawed(path: Path) -> list[Path]:
    """The outermost folder on the path, or the file itself, whose name is flawed."""
    return [part for part in (*reversed(path.parents), path) if flaw(part.name)][:1]


def draw_test(listing: Listing, pictures: Sequence[ListedPicture], *, seed: int) -> tuple[ListedPicture, ...]:
    """The same pictures; where no test is given, a sixth of those to train on, of each class, made test pictures.

    Raises InputError for a class with fewer than two.
    """
    if not listing.is_test_drawn:
        return tuple(pictures)
    drawn = list(pictures)
    labels = np.array([picture.label if picture.part == "train" else -1 for picture in pictures])
    places = [np.flatnonzero(labels == label) for label in range(len(listing.class_names))]
    for name, members in zip(listing.class_names, places, strict=True):
        if len(members) < 2:
            raise InputError(
                f"class {name} needs 2 or more pictures, one to train and one to test, but has {len(members)}: add "
                "pictures, or give a test folder beside train"
            )
    for place in draw_sixth(places, seed=seed).tolist():
        drawn[place] = dataclasses.replace(drawn[place], part="test")
    return tuple(drawn)
