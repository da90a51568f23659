"""Cumprod by products with the values 1, 2, 4, … places before, as many as double up to the length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


def _multiply_up(node: Any, inputs: Sequence[Any]) -> Sequence[Any] | None:
    values, axis = inputs[0], tf.get_static_value(inputs[1])
    size = None if axis is None or values.shape.rank is None else values.shape[int(axis)]
    if size is None:
        return None
    at = int(axis) % values.shape.rank
    backwards = node.attr["reverse"].b
    values = tf.reverse(values, [at]) if backwards else values
    if node.attr["exclusive"].b:
        values = _shift(values, at, 1)
    step = 1
    while step < size:
        values, step = values * _shift(values, at, step), 2 * step
    return [tf.reverse(values, [at]) if backwards else values]


def _shift(values: Any, axis: int, step: int) -> Any:
    """Every value `step` places later, behind as many ones."""
    kept, gone = tf.split(values, [values.shape[axis] - step, step], axis=axis)
    return tf.concat([tf.ones_like(gone), kept], axis=axis)


REWRITES = {"Cumprod": _multiply_up}
