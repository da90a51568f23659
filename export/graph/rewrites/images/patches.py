"""ExtractImagePatches, the first step of vision transformers: one strided part of the images for each place in a patch.

The numbers of a patch follow each other by row, column and channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


def _cut(node: Any, inputs: Sequence[Any]) -> Sequence[Any] | None:
    (images,) = inputs
    if None in images.shape[1:]:
        return None
    sizes, strides, rates = (list(node.attr[name].list.i)[1:3] for name in ("ksizes", "strides", "rates"))
    reaches = [(size - 1) * rate + 1 for size, rate in zip(sizes, rates, strict=True)]
    if node.attr["padding"].s == b"SAME":
        images = tf.pad(images, [(0, 0), *map(_margins, images.shape[1:3], reaches, strides), (0, 0)])
    rows, columns = (
        (whole - reach) // stride * stride + 1
        for whole, reach, stride in zip(images.shape[1:3], reaches, strides, strict=True)
    )
    parts = [
        images[:, row : row + rows : strides[0], column : column + columns : strides[1]]
        for row in range(0, reaches[0], rates[0])
        for column in range(0, reaches[1], rates[1])
    ]
    return [tf.concat(parts, axis=-1)]


def _margins(whole: int, reach: int, stride: int) -> tuple[int, int]:
    """Zeros before and behind, as TensorFlow's padding "same" has them."""
    missing = max(0, (-(-whole // stride) - 1) * stride + reach - whole)
    return missing // 2, missing - missing // 2


REWRITES = {"ExtractImagePatches": _cut}
