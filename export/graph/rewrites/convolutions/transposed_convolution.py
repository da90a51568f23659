"""Transposed convolutions that are larger than their windows reach (`output_padding`): the rest is zeros.

tf2onnx states the difference as negative padding, which ONNX does not have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


def _pad_afterwards(node: Any, inputs: Sequence[Any]) -> Sequence[Any] | None:
    sizes, kernel, values = inputs
    wanted = _wanted_sizes(sizes)
    if node.attr["padding"].s != b"VALID" or wanted is None or None in values.shape[1:]:
        return None
    spatial = range(1, values.shape.rank - 1)
    strides, dilations = node.attr["strides"].list.i, node.attr["dilations"].list.i
    reached = [
        (values.shape[axis] - 1) * strides[axis] + (kernel.shape[axis - 1] - 1) * dilations[axis] + 1
        for axis in spatial
    ]
    missing = [max(0, want - reach) for want, reach in zip(wanted, reached, strict=True)]
    if not any(missing):
        return None
    full = [want - less for want, less in zip(wanted, missing, strict=True)]
    size = tf.stack([tf.shape(values)[0], *full, kernel.shape[-2]])
    graph = tf.compat.v1.get_default_graph()
    answer = graph.create_op(node.op, [size, kernel, values], name="reached", attrs=dict(node.attr)).outputs[0]
    answer.set_shape((values.shape[0], *full, kernel.shape[-2]))
    return [tf.pad(answer, [(0, 0), *((0, less) for less in missing), (0, 0)])]


def _wanted_sizes(sizes: Any) -> list[int] | None:
    """Height and width, or depth, height and width, of the answer; None if they depend on more than the batch."""
    known = tf.get_static_value(sizes, partial=True)
    return None if known is None or None in list(known[1:-1]) else [int(size) for size in known[1:-1]]


REWRITES = {"Conv2DBackpropInput": _pad_afterwards, "Conv3DBackpropInputV2": _pad_afterwards}
