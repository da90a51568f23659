"""SavedModel → what it says about itself, with the standard library alone."""

from __future__ import annotations

from pathlib import Path

from export.files.strict_json import read_json
from export.formats.metadata import as_texts

_FILE = Path("assets.extra") / "description.json"


def read(path: Path) -> dict[str, str]:
    """The description that lies in the folder of a SavedModel."""
    return as_texts(read_json(path / _FILE))
