"""JSON that anybody may have written, or one sentence about what is wrong in it.

Standard library only: files are checked where nothing else is installed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from export.files.regular_file import read_regular
from tuning.files import bounded_files

LARGEST_BYTES = 16 << 20
_LARGEST_INTEGER = 2**63 - 1


def read_json(path: Path) -> Any:
    """What a regular file of at most `LARGEST_BYTES` holds as JSON. Raises ValueError for anything else, OSError if it
    can't be read."""
    return parse_json(read_regular(path, LARGEST_BYTES))


def parse_json(content: bytes) -> Any:
    """What JSON in UTF-8 says. Raises ValueError for anything else, and for what no honest one holds."""
    return bounded_files.parse_json(content, unique_names=True, largest=_LARGEST_INTEGER)
