"""A TOML file of a user's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tuning.errors import InputError
from tuning.files.bounded_files import LARGEST_TOML, parse_toml, read_bounded


def read_toml(path: Path) -> dict[str, Any]:
    """What the file holds. Raises InputError if there is none or it is not TOML."""
    content = read_bounded(path, limit=LARGEST_TOML, give="give a TOML file")
    try:
        return parse_toml(content)
    except ValueError as error:
        raise InputError(f"{path} can't be read as TOML ({error}): fix it there") from error
