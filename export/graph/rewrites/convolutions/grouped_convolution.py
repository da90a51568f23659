"""Grouped convolutions of volumes, group by group: tf2onnx forgets the groups, LiteRT refuses them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


def _group_by_group(node: Any, inputs: Sequence[Any]) -> Sequence[Any] | None:
    volume, kernel = inputs
    channels, of_one_group = volume.shape[-1], kernel.shape[-2]
    if None in (channels, of_one_group) or channels == of_one_group:
        return None
    groups = channels // of_one_group
    graph = tf.compat.v1.get_default_graph()
    answers = [
        graph.create_op(node.op, [part, weights], name="group", attrs=dict(node.attr)).outputs[0]
        for part, weights in zip(tf.split(volume, groups, axis=-1), tf.split(kernel, groups, axis=-1), strict=True)
    ]
    return [tf.concat(answers, axis=-1)]


REWRITES = {"Conv3D": _group_by_group}
