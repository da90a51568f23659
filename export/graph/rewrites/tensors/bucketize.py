"""Bucketize, the work of `Discretization`: the bucket's number is the count of boundaries that are not above."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


def _count_boundaries(node: Any, inputs: Sequence[Any]) -> Sequence[Any]:
    (values,) = inputs
    boundaries = tf.constant(list(node.attr["boundaries"].list.f), dtype=values.dtype)
    return [tf.reduce_sum(tf.cast(values[..., tf.newaxis] >= boundaries, tf.int32), axis=-1)]


REWRITES = {"Bucketize": _count_boundaries}
