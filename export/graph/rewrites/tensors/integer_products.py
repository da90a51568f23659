"""Products of 8-bit matrices, as quantized Keras layers compute them, as products of float32 numbers.

A float32 number holds every whole number up to 2**24, and so the sum of 1,024 products of two 8-bit numbers. Longer
sums are put together from such parts in 32-bit whole numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

EXACT = 2**24 // 128**2


def _multiply(node: Any, inputs: Sequence[Any]) -> Sequence[Any] | None:
    dtypes = [*(matrix.dtype for matrix in inputs), tf.as_dtype(node.attr["Tout"].type)]
    if dtypes != [tf.int8, tf.int8, tf.int32]:
        return None
    turned = (node.attr["adj_x"].b, node.attr["adj_y"].b)
    first, second = (
        tf.cast(tf.linalg.matrix_transpose(matrix) if is_turned else matrix, tf.float32)
        for matrix, is_turned in zip(inputs, turned, strict=True)
    )
    length = second.shape[-2]
    if length is None:
        return None
    parts = [
        tf.cast(tf.matmul(first[..., at : at + EXACT], second[..., at : at + EXACT, :]), tf.int32)
        for at in range(0, length, EXACT)
    ]
    return [tf.add_n(parts)]


REWRITES = {"BatchMatMulV3": _multiply}
