"""Resizing with weights that the formats lack or know otherwise (area, bicubic, lanczos, antialiased) as two products.

Each resizes rows and columns on their own by fixed weights, so it is a multiplication by one matrix a side. The
weights are read off TensorFlow's own operator, by resizing unit vectors, so that nothing of it is written twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import tensor_util


def _multiply(node: Any, inputs: Sequence[Any]) -> Sequence[Any] | None:
    image, *settings = inputs
    _, height, width, _ = image.shape
    constants = [_known_value(tensor) for tensor in settings]
    if height is None or width is None or any(value is None for value in constants):
        return None
    rows, columns = _weights(node, constants, height, width)
    # The constant is on the right, where every runtime has its fastest product.
    x = tf.transpose(tf.cast(image, tf.float32), (0, 2, 3, 1)) @ tf.constant(rows.T)
    x = tf.transpose(x, (0, 3, 2, 1)) @ tf.constant(columns.T)
    return [tf.transpose(x, (0, 1, 3, 2))]


def _known_value(tensor: Any) -> np.ndarray | None:
    """The tensor's value if it follows from static shapes, as the scale does that TensorFlow divides from two sizes."""
    if tensor.op.type == "RealDiv":
        over, under = map(_known_value, tensor.op.inputs)
        return None if over is None or under is None else over / under
    if tensor.op.type == "Cast":
        value = _known_value(tensor.op.inputs[0])
        return None if value is None else value.astype(tensor.dtype.as_numpy_dtype)
    if tensor.op.type == "StridedSlice":
        shape = tensor_util.constant_value_as_shape(tensor)
        return np.array(shape.as_list(), np.int32) if shape.is_fully_defined() else None
    value = tf.get_static_value(tensor)
    return None if value is None else np.asarray(value)


def _weights(node: Any, constants: Sequence[Any], height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """float32 (new height, height) and (new width, width)."""
    with tf.init_scope():
        along_rows = np.eye(height, dtype=np.float32)[:, :, None, None] * np.ones((1, 1, width, 1), np.float32)
        along_columns = np.eye(width, dtype=np.float32)[:, None, :, None] * np.ones((1, height, 1, 1), np.float32)
        rows = _resize(node, along_rows, constants)[:, :, 0, 0].T
        columns = _resize(node, along_columns, constants)[:, 0, :, 0].T
    return rows, columns


def _resize(node: Any, images: np.ndarray, constants: Sequence[Any]) -> np.ndarray:
    """What TensorFlow's operator answers."""
    graph = tf.Graph()
    with graph.as_default():
        inputs = [tf.constant(images), *map(tf.constant, constants)]
        answer = graph.create_op(node.op, inputs, attrs=dict(node.attr)).outputs[0]
        with tf.compat.v1.Session(graph=graph) as session:
            resized: np.ndarray = session.run(answer)
    return resized


REWRITES = {"ResizeArea": _multiply, "ResizeBicubic": _multiply, "ScaleAndTranslate": _multiply}
