"""A user's files, opened with limits: regular files only, of a size that is known before anything is read."""

from __future__ import annotations

import json
import math
import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

from tuning.errors import InputError

LARGEST_TOML = 1 << 19
LARGEST_JSON = 1 << 25
MOST_CONTAINERS = 1_000_000
"""Bytes of a file, and objects and lists in it: an empty one takes three bytes there, and sixty in memory."""
DEEPEST = 200
MOST_DIGITS, MOST_DOTS = 100, 1000
LARGEST_INTEGER = 10**MOST_DIGITS - 1
_HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def regular_size(path: Path, *, give: str) -> int:
    """Bytes of a regular file, links followed. `give`: the advice at the end of a sentence.

    Raises InputError if there is none, or something else that may hang or never end, such as a pipe or a device.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"there is no file {path}: {give}") from error
    # ValueError: a name with a null character.
    except (OSError, ValueError) as error:
        raise InputError(f"{path} can't be opened ({getattr(error, 'strerror', None) or error}): {give}") from error
    if flaw := flaw_of(status):
        raise InputError(f"{path} {flaw}: {give}")
    return status.st_size


def flaw_of(status: os.stat_result) -> str:
    """What it is where it is no regular file, as the end of a sentence; empty for one."""
    if stat.S_ISREG(status.st_mode):
        return ""
    return f"is {_KINDS.get(stat.S_IFMT(status.st_mode), 'something else')} and not a file"


def read_bounded(path: Path, *, limit: int, give: str) -> bytes:
    """What a regular file of at most `limit` bytes holds. Raises InputError as `regular_size` does."""
    size = regular_size(path, give=give)
    if size > limit:
        raise InputError(f"{path} has {size:,} bytes but {limit:,} are the most that such a file may have: {give}")
    try:
        with path.open("rb") as file:
            # Some files of the operating system say that they are empty, and never end.
            return file.read(size)
    except OSError as error:
        raise InputError(f"{path} can't be opened ({error.strerror or error}): {give}") from error


def read_toml(path: Path) -> dict[str, Any]:
    """What a TOML file holds. Raises InputError if there is none or it is not TOML."""
    content = read_bounded(path, limit=LARGEST_TOML, give="give a TOML file")
    try:
        return parse_toml(content)
    except ValueError as error:
        raise InputError(f"{path} can't be read as TOML ({error}): fix it there") from error


def parse_toml(content: bytes) -> dict[str, Any]:
    """A TOML document. Raises ValueError, saying why, for what is none and for what no honest one holds."""
    # The parser's time grows with the square of a key's parts, which lie on one line.
    if any(line.count(b".") > MOST_DOTS for line in content.splitlines()):
        raise ValueError(f"a line in it holds more than {MOST_DOTS:,} dots")
    try:
        data = tomllib.loads(content.decode("utf-8"))
    except RecursionError as error:
        raise ValueError(_too_deep()) from error
    check_tree(data, finite=False)
    if holds_null(data):
        raise ValueError("text in it holds a null character")
    return data


def parse_json(
    content: bytes, *, finite: bool = True, unique_names: bool = False, largest: int = LARGEST_INTEGER
) -> Any:
    """A JSON document. Raises ValueError, saying why, for what is none and for what no honest one holds.

    `finite`: NaN and infinity, which JSON has no words for but Python writes, are refused. `unique_names`: so is a name
    that comes twice in one object, which is read in two ways. `largest`: the absolute value of a whole number.
    """
    if content.count(b"[") + content.count(b"{") > MOST_CONTAINERS:
        raise ValueError(f"it holds more than {MOST_CONTAINERS:,} objects and lists")
    try:
        data = json.loads(content.decode("utf-8"), object_pairs_hook=_unique if unique_names else None)
    except RecursionError as error:
        raise ValueError(_too_deep()) from error
    check_tree(data, finite=finite, largest=largest)
    return data


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("it holds the same name twice in one object")
    return found


def check_tree(data: Any, *, finite: bool = True, largest: int = LARGEST_INTEGER) -> None:
    """Raise ValueError for what is nested too deeply, whole numbers that are too large, texts that are none in Unicode
    and, if `finite`, for real numbers that are not."""
    level = [data]
    for _ in range(DEEPEST):
        if not level:
            return
        for value in level:
            _check_leaf(value, finite=finite, largest=largest)
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in ((*value, *value.values()) if isinstance(value, dict) else value)
        ]
    raise ValueError(_too_deep())


def holds_null(data: Any) -> bool:
    """Whether any string in it, at any depth, holds a null character, which no path can."""
    if isinstance(data, dict):
        return any(holds_null(part) for pair in data.items() for part in pair)
    if isinstance(data, list):
        return any(map(holds_null, data))
    return isinstance(data, str) and "\0" in data


def is_folder(path: Path) -> bool:
    """Whether it is one; no name is an error here, however long."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _check_leaf(value: Any, *, finite: bool, largest: int) -> None:
    # An hexadecimal number may have any number of digits, and can't be shown then.
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        raise ValueError(f"it holds a whole number of more than {MOST_DIGITS} digits")
    if isinstance(value, int) and abs(value) > largest:
        raise ValueError(f"it holds the whole number {value}")
    if finite and isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"it holds the number {value}")
    if isinstance(value, str) and any(
        "\ud800" <= character <= "\udfff" for character in ("" if value.isascii() else value)
    ):
        raise ValueError("text in it holds half a character")


def _too_deep() -> str:
    return f"it is nested more than {DEEPEST} deep"
