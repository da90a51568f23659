"""Pooling of volumes as two poolings of images: over rows and columns, then over depth.

The largest of the largest is the largest. A mean of means is the mean where each holds equally many values; with
padding "same" the counts of the three axes multiply, so it still is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from export.graph.rewrites.replay import Rewrite


def _in_two_steps(pool: Callable[..., Any]) -> Rewrite:
    def build(node: Any, inputs: Sequence[Any]) -> Sequence[Any] | None:
        (volume,) = inputs
        if None in volume.shape[1:]:
            return None
        _, depth, height, width, channels = volume.shape
        (size, strides), padding = _windows(node), node.attr["padding"].s.decode()
        images = tf.reshape(volume, (-1, height, width, channels))
        images = pool(images, size[1:], strides[1:], padding)
        _, rows, columns, _ = images.shape
        columns_of_depth = tf.reshape(images, (-1, depth, rows * columns, channels))
        pooled = pool(columns_of_depth, (size[0], 1), (strides[0], 1), padding)
        return [tf.reshape(pooled, (-1, pooled.shape[1], rows, columns, channels))]

    return build


def _windows(node: Any) -> tuple[list[int], list[int]]:
    """Sizes and strides along depth, height, width."""
    return list(node.attr["ksize"].list.i)[1:4], list(node.attr["strides"].list.i)[1:4]


REWRITES = {"MaxPool3D": _in_two_steps(tf.nn.max_pool2d), "AvgPool3D": _in_two_steps(tf.nn.avg_pool2d)}
