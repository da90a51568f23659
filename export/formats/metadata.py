"""What an exported file says about itself, read from the file alone with no more than its runtime.

One file per format, each with `read(path)`. The texts are those of `Description.as_metadata`: `labels`,
`preprocessing`, `source_digest` and so on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from export.artifact import Description, Format
from export.errors import VerificationError
from export.formats.format import load_part


def read_metadata(kind: Format, path: Path) -> dict[str, str]:
    """The texts by name that the file or folder `path` carries.

    Raises VerificationError if it has none or they can't be read.
    """
    try:
        found: dict[str, str] = load_part(kind, "metadata").read(path)
    # A damaged file makes each format's reader fail in a way of its own.
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise VerificationError(
            f"{path} does not say what it is ({type(error).__name__}: {reason}): export the model again"
        ) from error
    return found


def check_metadata(kind: Format, path: Path, description: Description) -> None:
    """Raise VerificationError unless the file says about itself what the manifest says about it."""
    found, expected = read_metadata(kind, path), description.as_metadata()
    for name, text in expected.items():
        if found.get(name) != text:
            raise VerificationError(
                f"{path} says that its {name} is {found.get(name, 'nothing')!r} but the manifest says {text!r}: export "
                "the model again"
            )


def as_texts(data: Any) -> dict[str, str]:
    """The description's names and texts. Raises TypeError for anything else."""
    if not isinstance(data, dict):
        raise TypeError(f"the description must hold strings by name, got {type(data).__name__}")
    return {str(name): str(text) for name, text in data.items()}
