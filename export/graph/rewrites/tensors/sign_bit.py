"""The sign of a number read off its bits, as Keras's `argmax` and `signbit` do, by a comparison and a division.

Only −0 makes a difference: no comparison distinguishes it from 0, but 1 / −0 is below every number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

_SIGN = np.iinfo(np.int32).min


def _read_sign(node: Any, inputs: Sequence[Any]) -> Sequence[Any] | None:
    bits, mask = inputs
    if bits.op.type != "Bitcast" or bits.dtype != tf.int32 or tf.get_static_value(mask) != _SIGN:
        return None
    (number,) = bits.op.inputs
    if number.dtype != tf.float32:
        return None
    # A file may divide a number near 0 as if it were 0, so the comparison comes first.
    is_negative = tf.logical_or(number < 0, tf.logical_and(tf.equal(number, 0), 1 / number < 0))
    return [tf.where(is_negative, _SIGN, 0)]


REWRITES = {"BitwiseAnd": _read_sign}
