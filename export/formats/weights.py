"""The weights in an exported file: one file per format, each with `read` and `write`, on the written bytes.

A fault is planted behind the writer's back, in the file that users get, so that nothing of our own can correct it.
Weights are handed out as float32. What a file stores as float16 or int8 is rounded to that when it is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.artifact import Format
from export.formats.format import load_part

Values = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Weight:
    """A constant that a file computes with, of any shape. `channel_axis`: the axis along which its outputs
    lie, in the format's own layout; None for a single number without axes."""

    values: Values
    channel_axis: int | None

    @property
    def channels(self) -> int:
        """How many channels it has; 1 for a single number."""
        return 1 if self.channel_axis is None else self.values.shape[self.channel_axis]

    @property
    def by_channel(self) -> Values:
        """A copy with one row for each channel, (channels, weights of one)."""
        rows = self.values if self.channel_axis is None else np.moveaxis(self.values, self.channel_axis, 0)
        return rows.reshape(self.channels, -1).copy()

    def from_channels(self, rows: Values) -> Values:
        """What `by_channel` gave, back in the weight's own shape."""
        if self.channel_axis is None:
            return rows.reshape(self.values.shape)
        moved = np.moveaxis(self.values, self.channel_axis, 0).shape
        return np.ascontiguousarray(np.moveaxis(rows.reshape(moved), 0, self.channel_axis))


def read_weights(kind: Format, path: Path) -> dict[str, Weight]:
    """Every constant of the file that its operators use, float32, float16 or int8, by the name it has there.

    They come in the order in which they are used; empty ones are left out.
    """
    found: dict[str, Weight] = load_part(kind, "weights").read(path)
    return {name: weight for name, weight in found.items() if weight.values.size}


def write_weights(kind: Format, path: Path, changed: Mapping[str, Values]) -> None:
    """Put the values in the place of the weights of those names, in the file itself; all else stays as it was.

    Raises ValueError for a name that the file does not have and for values of another shape or dtype.
    """
    weights = read_weights(kind, path)
    for name, values in changed.items():
        if name not in weights:
            raise ValueError(f"{path.name} has no weight {name}: choose among {', '.join(weights)}")
        expected = weights[name].values
        if values.shape != expected.shape or values.dtype != np.float32:
            raise ValueError(
                f"{name} of {path.name} is float32 {expected.shape}, which {values.dtype} {values.shape} can't replace"
            )
    load_part(kind, "weights").write(path, changed)


def as_stored(values: Values, dtype: np.dtype[Any]) -> np.ndarray:
    """The values as a file of that dtype holds them: float16 may make them infinite, int8 rounds and cuts them off."""
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        rounded: np.ndarray = np.clip(np.nan_to_num(np.rint(values)), limits.min, limits.max).astype(dtype)
        return rounded
    with np.errstate(over="ignore"):
        return values.astype(dtype)


def longest_axis(shape: tuple[int, ...]) -> int | None:
    """Where the channels of a bias, a scale or an offset lie; None without axes."""
    return int(np.argmax(shape)) if shape else None
