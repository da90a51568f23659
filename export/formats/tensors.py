"""What a file computes on its way from input to output: one file per format, with its runtime alone.

Each holds `open_tensors(path) → TensorReader`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from export.arrays import Arrays
from export.artifact import Format
from export.errors import InputError
from export.formats.format import has_part, load_part, readable_formats, require_installed


class TensorReader(Protocol):
    """An opened file that tells its intermediate results."""

    def read(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """Every float tensor by name, float32, in the order in which the file computes them.

        `inputs`: (1, …) by name, as every result then belongs to one example. Quantized numbers are given as the
        numbers that they stand for. Raises InputError if the file does not take them.
        """


def open_tensors(kind: Format, path: Path) -> TensorReader:
    """Open a file to see what it computes. Raises InputError for a SavedModel, a missing file or runtime, and a file
    that its runtime can't open."""
    if not has_part(kind, "tensors"):
        can = ", ".join(readable_formats())
        raise InputError(f"{path} is a {kind}, whose layers can't be looked into: ask for one of {can}")
    require_installed(kind, path)
    if not path.exists():
        raise InputError(f"there is no {path}: export the model first")
    reader: TensorReader = load_part(kind, "tensors").open_tensors(path)
    return reader
