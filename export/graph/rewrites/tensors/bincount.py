"""DenseBincount, the work of `CategoryEncoding`: a sum over one-hot rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


def _sum_one_hot(node: Any, inputs: Sequence[Any]) -> Sequence[Any] | None:
    values, size, weights = inputs
    depth = _known_size(size)
    if depth is None or values.shape.rank != 2:
        return None
    hits = tf.one_hot(values, depth, dtype=weights.dtype)
    # TensorFlow takes an empty tensor for weights of one.
    if weights.shape.num_elements() != 0:
        hits = hits * weights[..., tf.newaxis]
    counts = tf.reduce_max(hits, axis=-2) if node.attr["binary_output"].b else tf.reduce_sum(hits, axis=-2)
    return [counts]


def _known_size(size: Any) -> int | None:
    """The number of bins, if it is known: often the smaller of a limit and a larger number that is no less."""
    if size.op.type != "Minimum":
        value = tf.get_static_value(size)
        return None if value is None else int(value)
    limit, larger = size.op.inputs
    most = tf.get_static_value(limit)
    least = tf.get_static_value(larger.op.inputs[0]) if larger.op.type == "Maximum" else None
    return int(most) if most is not None and most == least else None


REWRITES = {"DenseBincount": _sum_one_hot}
