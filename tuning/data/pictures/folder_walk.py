"""What lies in a folder, by name, without what is hidden and what systems and tools strew about."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from tuning.errors import InputError

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
    """Everything in the folder but junk and names that begin with a dot, sorted by name.

    Raises InputError for a folder that can't be read.
    """
    return [path for path, _ in _entries(folder)]


def subfolders(folder: Path) -> list[Path]:
    """The folders in it, without links that lead back to it or further up. Raises InputError as `visible` does."""
    return [path for path, is_folder in _entries(folder) if is_folder and not _leads_up(path)]


def files(folder: Path) -> Iterator[Path]:
    """Everything below the folder that is no folder, at any depth. Raises InputError as `visible` does.

    However folders are linked to each other, each one that there is gives its files once.
    """
    return _walk(folder, {_identity(folder)}, [])


def files_once(folders: Sequence[Path]) -> tuple[list[list[Path]], list[Path]]:
    """The files of each folder as `files` gives them, and the links that were left out.

    A link to one of the folders, or to what another one holds, is left out. Raises InputError as `visible` does.
    """
    seen, links = set(map(_identity, folders)), list[Path]()
    return [list(_walk(folder, seen, links)) for folder in folders], links


def _walk(folder: Path, seen: set[tuple[int, int]], links: list[Path]) -> Iterator[Path]:
    """The files, without folders among those `seen`, which grow; links to such ones are added to `links`."""
    # No recursion: folders may lie in each other deeper than Python's calls.
    waiting = [iter(_entries(folder))]
    while waiting:
        path, is_folder = next(waiting[-1], (None, False))
        if path is None:
            waiting.pop()
        elif not is_folder:
            yield path
        elif (identity := _identity(path)) not in seen:
            seen.add(identity)
            waiting.append(iter(_entries(path)))
        else:
            links.append(path)


def _entries(folder: Path) -> list[tuple[Path, bool]]:
    """What is visible in the folder, by name, and whether it is a folder or a link to one."""
    try:
        with os.scandir(folder) as found:
            kept = [entry for entry in found if not entry.name.startswith(".") and entry.name.lower() not in JUNK]
            return [(folder / entry.name, _is_folder(entry)) for entry in sorted(kept, key=lambda entry: entry.name)]
    except OSError as error:
        raise _unreadable(folder, error) from error


def _identity(folder: Path) -> tuple[int, int]:
    """What tells a folder from all others, by whichever links it is reached."""
    try:
        found = folder.stat()
    except OSError as error:
        raise _unreadable(folder, error) from error
    return found.st_dev, found.st_ino


def _unreadable(folder: Path, error: OSError) -> InputError:
    return InputError(f"the folder {folder} can't be read ({error.strerror}): remove or move it")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    # A link that leads to itself.
    except OSError:
        return False


def _leads_up(path: Path) -> bool:
    return path.is_symlink() and path.parent.resolve().is_relative_to(path.resolve())
