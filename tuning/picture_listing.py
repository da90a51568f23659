"""Which files of a folder belong to which class and part: names and folders only, no file is opened."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tuning.array_checks import MAX_CLASSES
from tuning.errors import InputError

PARTS = ("train", "validation", "test")
TEST_SHARE = 6
"""One of so many pictures of each class is tested with where no `test/` is given."""
JUNK = ("thumbs.db", "desktop.ini")


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A file that should be a picture: what it is for, and the number of its class."""

    path: Path
    part: str
    label: int


@dataclass(frozen=True, kw_only=True)
class Listing:
    """All files of the class folders, by part, class and name.

    `parts`: those that are to have pictures. `is_test_drawn`: no test pictures are given, so the seed chooses them
    from those to train on. `outside`: files that lie in no class folder.
    """

    class_names: tuple[str, ...]
    pictures: tuple[Picture, ...]
    parts: tuple[str, ...]
    is_test_drawn: bool
    outside: tuple[str, ...]


def list_pictures(folder: Path) -> Listing:
    """Read the layout of `folder`.

    Raises InputError if it is none, if there are not 2 to 1,000 classes, if a class has no files to train on, or if a
    class is to be validated or tested that is not trained.
    """
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}: give one with a subfolder of pictures for each class")
    inside = {path.name: path for path in _subfolders(folder)}
    if not inside:
        raise InputError(f"{folder} has no subfolders: put the pictures of each class into one, named after the class")
    has_parts = any(part in inside for part in PARTS)
    if has_parts:
        _check_parts(folder, inside)
    roots = {part: inside[part] for part in PARTS if part in inside} if has_parts else {"train": folder}
    class_names = _class_names(roots["train"])
    labels = {name: label for label, name in enumerate(class_names)}
    pictures = [
        Picture(path=path, part=part, label=labels[class_folder.name])
        for part, root in roots.items()
        for class_folder in _known_classes(root, labels)
        for path in _files(class_folder, frozenset({class_folder.resolve()}))
    ]
    _check_trained(pictures, class_names, roots["train"])
    for part in roots:
        if all(picture.part != part for picture in pictures):
            raise InputError(f"{roots[part]} holds no pictures: add some or remove the folder")
    return Listing(
        class_names=class_names,
        pictures=tuple(pictures),
        parts=tuple(part for part in PARTS if part in roots or part == "test"),
        is_test_drawn="test" not in roots,
        outside=tuple(
            path.relative_to(folder).as_posix()
            for root in dict.fromkeys((folder, *roots.values()))
            for path in _visible(root)
            if not path.is_dir()
        ),
    )


def _check_parts(folder: Path, inside: dict[str, Path]) -> None:
    if "train" not in inside:
        found = " and ".join(part for part in PARTS if part in inside)
        raise InputError(f"{folder} has {found} but no train: name the folder of the training pictures train")
    strange = [name for name in inside if name not in PARTS]
    if strange:
        raise InputError(
            f"{folder} has {strange[0]} beside train: its subfolders must be {', '.join(PARTS)}, or one for each class"
        )


def _class_names(root: Path) -> tuple[str, ...]:
    names = tuple(path.name for path in _subfolders(root))
    if not 2 <= len(names) <= MAX_CLASSES:
        shown = f" ({names[0]})" if len(names) == 1 else ""
        raise InputError(
            f"{root} has {len(names)} class folders{shown} but 2 to {MAX_CLASSES} classes can be told apart: give each "
            "class a subfolder"
        )
    return names


def _known_classes(root: Path, labels: dict[str, int]) -> list[Path]:
    folders = _subfolders(root)
    unknown = [path for path in folders if path.name not in labels]
    if unknown:
        raise InputError(
            f"{unknown[0]} shows class {unknown[0].name}, which train lacks: add training pictures of it or remove it"
        )
    return folders


def _check_trained(pictures: list[Picture], class_names: tuple[str, ...], root: Path) -> None:
    trained = {picture.label for picture in pictures if picture.part == "train"}
    for label, name in enumerate(class_names):
        if label not in trained:
            raise InputError(f"class {name} has no pictures in {root / name}: add some or remove the folder")


def draw_test(listing: Listing, pictures: Sequence[Picture], *, seed: int) -> tuple[Picture, ...]:
    """The same pictures; where no test is given, a sixth of those to train on, of each class, made test pictures.

    Raises InputError for a class with fewer than two.
    """
    if not listing.is_test_drawn:
        return tuple(pictures)
    drawn = list(pictures)
    rng = np.random.default_rng([seed, 0x7E57])
    places: list[list[int]] = [[] for _ in listing.class_names]
    for place, picture in enumerate(pictures):
        if picture.part == "train":
            places[picture.label].append(place)
    for name, members in zip(listing.class_names, places, strict=True):
        if len(members) < 2:
            raise InputError(
                f"class {name} needs 2 or more pictures, one to train and one to test, but has {len(members)}: add "
                "pictures, or give a test folder beside train"
            )
        for place in rng.permutation(members)[: max(round(len(members) / TEST_SHARE), 1)]:
            drawn[place] = dataclasses.replace(drawn[place], part="test")
    return tuple(drawn)


def _subfolders(folder: Path) -> list[Path]:
    return [path for path in _visible(folder) if path.is_dir()]


def _visible(folder: Path) -> list[Path]:
    """What lies in the folder, by name, without what is hidden and what systems strew about."""
    found = (path for path in folder.iterdir() if not path.name.startswith(".") and path.name.lower() not in JUNK)
    return sorted(found, key=lambda path: path.name)


def _files(folder: Path, above: frozenset[Path]) -> Iterator[Path]:
    """Everything in the folder that is none, at any depth; a link to a folder further up is not followed."""
    for path in _visible(folder):
        if not path.is_dir():
            yield path
        elif (real := path.resolve()) not in above:
            yield from _files(path, above | {real})
