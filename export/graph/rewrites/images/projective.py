"""ImageProjectiveTransformV3, the work of `affine_transform` and of spatial transformers: reads of single pixels.

Which numbers are read, and how those outside of the image are filled, follows TensorFlow's own kernel
(tensorflow/core/kernels/image/image_ops.h).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from export.graph.rewrites.sizes import known_sizes


def _transform(node: Any, inputs: Sequence[Any]) -> Sequence[Any] | None:
    images, transforms, size, fill = inputs
    wanted, fold = known_sizes(size), _FILLS.get(node.attr["fill_mode"].s.decode())
    if images.dtype != tf.float32 or None in images.shape[1:] or wanted is None or None in wanted or fold is None:
        return None
    height, width = int(wanted[0]), int(wanted[1])
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    a, b, c, d, e, f, g, h = (part[..., tf.newaxis] for part in tf.split(transforms, 8, axis=1))
    below = g * x + h * y + 1
    # (batch, height, width), or a batch of 1 where one transform is for all.
    columns = fold((a * x + b * y + c) / below, images.shape[2])
    rows = fold((d * x + e * y + f) / below, images.shape[1])
    rows, columns = (values + tf.zeros_like(images[:, :1, :1, 0]) for values in (rows, columns))
    read = _nearest if node.attr["interpolation"].s == b"NEAREST" else _bilinear
    filled = tf.equal(below, 0)[..., tf.newaxis]
    return [tf.where(filled, fill, read(images, rows, columns, fill))]


def _nearest(images: Any, rows: Any, columns: Any, fill: Any) -> Any:
    return _read(images, _round(rows), _round(columns), fill)


def _round(values: Any) -> Any:
    """Halves away from zero, as in C."""
    return tf.sign(values) * tf.floor(tf.abs(values) + 0.5)


def _bilinear(images: Any, rows: Any, columns: Any, fill: Any) -> Any:
    top, left = tf.floor(rows), tf.floor(columns)
    down, right = (rows - top)[..., tf.newaxis], (columns - left)[..., tf.newaxis]
    above, beneath = (
        (1 - right) * _read(images, row, left, fill) + right * _read(images, row, left + 1, fill)
        for row in (top, top + 1)
    )
    return (1 - down) * above + down * beneath


def _read(images: Any, rows: Any, columns: Any, fill: Any) -> Any:
    """The pixels at whole-numbered places, (batch, height, width, channels); `fill` outside of the image."""
    _, height, width, channels = images.shape
    inside = (rows >= 0) & (rows <= height - 1) & (columns >= 0) & (columns <= width - 1)
    at = tf.cast(tf.clip_by_value(rows, 0, height - 1) * width + tf.clip_by_value(columns, 0, width - 1), tf.int32)
    flat = tf.reshape(images, (-1, height * width, channels))
    return tf.where(inside[..., tf.newaxis], tf.gather(flat, at, axis=1, batch_dims=1), fill)


def _clip(values: Any, size: int) -> Any:
    return tf.clip_by_value(values, 0.0, size - 1.0)


def _reflect(values: Any, size: int) -> Any:
    """[abcd] → [dcba|abcd|dcba]."""
    if size == 1:
        return tf.zeros_like(values)
    twice = 2.0 * size
    low = tf.where(values < -twice, values + twice * tf.floor(-values / twice), values)
    low = tf.where(low < -size, low + twice, -low - 1)
    high = values - twice * tf.floor(values / twice)
    high = tf.where(high >= size, twice - high - 1, high)
    return _clip(tf.where(values < 0, low, tf.where(values > size - 1, high, values)), size)


def _wrap(values: Any, size: int) -> Any:
    """[abcd] → [abcd|abcd|abcd]."""
    if size == 1:
        return tf.zeros_like(values)
    low = values + size * (tf.floor(-values / (size - 1.0)) + 1)
    high = values - size * tf.floor(values / (size - 1.0))
    return _clip(tf.where(values < 0, low, tf.where(values > size - 1, high, values)), size)


_FILLS: Mapping[str, Callable[[Any, int], Any]] = {
    "CONSTANT": lambda values, size: values,
    "NEAREST": _clip,
    "REFLECT": _reflect,
    "WRAP": _wrap,
}
REWRITES = {"ImageProjectiveTransformV3": _transform}
