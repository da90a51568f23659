"""JSON and bytes of a run, read as records and written atomically."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuning.errors import InputError
from tuning.files.bounded_files import LARGEST_JSON, parse_json, read_bounded

RESTORE = "restore it or start a new run"


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises InputError if the file is not one."""
    content = read_bounded(path, limit=LARGEST_JSON, give=RESTORE)
    try:
        data = parse_json(content)
    except ValueError as error:
        raise InputError(f"{path} can't be read as JSON ({error}): {RESTORE}") from error
    if not isinstance(data, dict):
        raise InputError(f"{path} must hold a JSON object, got {type(data).__name__}: {RESTORE}")
    return data


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Replace the file by `data` as JSON, all at once: a reader sees the old file or the new one."""
    write_bytes(path, (json.dumps(data, indent=2, allow_nan=False) + "\n").encode())


def finite_or_none(value: float | None) -> float | None:
    """The value itself, or None where it is NaN or infinite: JSON has no word for those."""
    return value if value is not None and math.isfinite(value) else None


def write_bytes(path: Path, content: bytes) -> None:
    """Replace the file by `content`, all at once."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
