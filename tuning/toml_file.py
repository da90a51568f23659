"""A TOML file of a user's."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from tuning.errors import InputError


def read_toml(path: Path) -> dict[str, Any]:
    """What the file holds. Raises InputError if there is none or it is not TOML."""
    if not path.is_file():
        raise InputError(f"there is no file {path}: give a TOML file")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} can't be read as TOML ({error}): mend it there") from error
