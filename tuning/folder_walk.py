"""What lies in a folder, by name, without what is hidden and what systems and tools strew about."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

JUNK = frozenset(
    {
        "__macosx",
        "icon\r",
        "thumbs.db",
        "ehthumbs.db",
        "desktop.ini",
        "$recycle.bin",
        "system volume information",
        "@eadir",
        "#recycle",
        "lost+found",
        "__pycache__",
    }
)
"""Lower-case names that macOS, Windows, network drives, Linux and Python give to files and folders of their own."""


def visible(folder: Path) -> list[Path]:
    """Everything in the folder but junk and names that begin with a dot, sorted by name."""
    found = (path for path in folder.iterdir() if not path.name.startswith(".") and path.name.lower() not in JUNK)
    return sorted(found, key=lambda path: path.name)


def subfolders(folder: Path) -> list[Path]:
    """The folders in it, without links that lead back to it or further up."""
    return [path for path in visible(folder) if path.is_dir() and not _leads_up(path)]


def files(folder: Path) -> Iterator[Path]:
    """Everything below the folder that is no folder, at any depth; links that lead back up are not followed."""
    yield from _files(folder, frozenset({folder.resolve()}))


def _files(folder: Path, above: frozenset[Path]) -> Iterator[Path]:
    for path in visible(folder):
        if not path.is_dir():
            yield path
        elif (real := path.resolve()) not in above:
            yield from _files(path, above | {real})


def _leads_up(path: Path) -> bool:
    return path.is_symlink() and path.parent.resolve().is_relative_to(path.resolve())
