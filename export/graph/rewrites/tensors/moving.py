"""What only moves values about, by what every format has: Roll, a part put in the place of another, diagonals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from export.graph.rewrites.replay import Rewrite


def _roll(node: Any, inputs: Sequence[Any]) -> Sequence[Any] | None:
    """The last values of an axis before the others, one axis after the other."""
    values, *settings = inputs
    shifts, axes = (tf.get_static_value(setting) for setting in settings)
    if shifts is None or axes is None or values.shape.rank is None:
        return None
    for shift, axis in zip(np.atleast_1d(shifts), np.atleast_1d(axes), strict=True):
        size = values.shape[int(axis)]
        if size is None:
            return None
        moved = int(shift) % size
        first, last = tf.split(values, [size - moved, moved], axis=int(axis))
        values = tf.concat([last, first], axis=int(axis))
    return [values]


def _put_in(node: Any, inputs: Sequence[Any]) -> Sequence[Any] | None:
    """The part at its place among zeros where it is, the values elsewhere."""
    values, part, begin = inputs
    first, size = tf.get_static_value(begin, partial=True), part.shape
    # Along the batch, whose size is not known, the part has to be as long as the values are.
    if (
        first is None
        or None in first
        or first[0] != 0
        or values.shape.rank is None
        or None in (*size[1:], *values.shape[1:])
    ):
        return None
    lows = [
        max(0, min(int(at), whole - less))
        for at, whole, less in zip(first[1:], values.shape[1:], size[1:], strict=True)
    ]
    margins = [(low, whole - less - low) for low, whole, less in zip(lows, values.shape[1:], size[1:], strict=True)]
    inside = np.pad(np.ones(size[1:], bool), margins)
    return [tf.where(inside, tf.pad(part, [(0, 0), *margins]), values)]


def _take_diagonal(node: Any, inputs: Sequence[Any]) -> Sequence[Any] | None:
    """Values of the last two axes with the same index in both, added to the zeros beside them."""
    matrices, offset, _ = inputs
    at = tf.get_static_value(offset)
    if at is None or np.any(at != 0) or None in matrices.shape[-2:]:
        return None
    rows, columns = matrices.shape[-2:]
    on_diagonal = np.eye(rows, columns, dtype=bool)
    return [tf.reduce_sum(tf.where(on_diagonal, matrices, tf.zeros_like(matrices)), axis=-1)[..., : min(rows, columns)]]


TFLITE_REWRITES: Mapping[str, Rewrite] = {"Roll": _roll, "MatrixDiagPartV3": _take_diagonal}
ONNX_REWRITES: Mapping[str, Rewrite] = {"XlaDynamicUpdateSlice": _put_in}
