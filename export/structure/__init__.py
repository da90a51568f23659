"""What a file is made of, read from its bytes: one file per format, each with `read(path) → Structure`.

They need the format's runtime and what it brings along, nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from export.artifact import Format


@dataclass(frozen=True, kw_only=True)
class Structure:
    """`operators`: how often each is used. `faults`: sentences about what must not be in a published file.

    `versions`: the numbers that the file is stamped with, such as `opset` and `ir`. `weight_bits`: how many bits the
    numbers of its weights have, of those with more than one; nothing of a SavedModel, which has one number type only.
    """

    operators: Mapping[str, int]
    faults: tuple[str, ...]
    versions: Mapping[str, int]
    weight_bits: frozenset[int] = frozenset()


def read_structure(kind: Format, path: Path) -> Structure:
    """The structure of the file or folder. Raises InputError if it can't be read."""
    structure: Structure = import_module(f"export.structure.{kind.value}").read(path)
    return structure
