"""What a file is made of, read from its bytes: one file per format, each with `read(path) → Structure`.

They need the format's runtime and what it brings along, nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from export.artifact import Format
from export.errors import UnrunnableError
from export.formats.format import load_part


@dataclass(frozen=True, kw_only=True)
class Structure:
    """`operators`: how often each is used. `faults`: sentences about what must not be in a published file.

    `versions`: the numbers that the file is stamped with, such as `opset` and `ir`. `weight_bits`: how many bits the
    numbers of its weights have, of those with more than one; nothing of a SavedModel, which has one number type only.
    `unsafe`: sentences about what keeps the file from being loaded at all.
    """

    operators: Mapping[str, int]
    faults: tuple[str, ...]
    versions: Mapping[str, int]
    weight_bits: frozenset[int] = frozenset()
    unsafe: tuple[str, ...] = ()

    @property
    def flaws(self) -> tuple[str, ...]:
        """All that keeps the file from being published."""
        return (*self.unsafe, *self.faults)


def read_structure(kind: Format, path: Path) -> Structure:
    """The structure of the file or folder. Raises InputError if it can't be read."""
    structure: Structure = load_part(kind, "structure").read(path)
    return structure


def require_safe(kind: Format, path: Path) -> None:
    """Raise UnrunnableError unless the file's bytes alone show that nothing but numbers comes of loading and running
    it. Nothing is loaded; InputError as `read_structure`."""
    structure = read_structure(kind, path)
    if structure.unsafe:
        raise UnrunnableError(f"{path} is not opened: {'; '.join(structure.unsafe)}: export the model again")


def find_invalid(kind: Format, path: Path) -> list[str]:
    """What the format's own package says against the file, where there is one and it is installed.

    Raises InputError if it can't read the file.
    """
    found: list[str] = load_part(kind, "structure").find_invalid(path)
    return found
