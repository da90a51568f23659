"""Weights of a SavedModel: its variables. Constants that stand in the graph itself are not among them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf

from export.formats.weights import Values, Weight, longest_axis

_PREFIX = Path("variables") / "variables"


def read(path: Path) -> dict[str, Weight]:
    """Variables of dtype float32."""
    reader = tf.train.load_checkpoint(str(path / _PREFIX))
    types = reader.get_variable_to_dtype_map()
    # The variables are numbered in the order of the layers.
    names = sorted((name for name, dtype in types.items() if dtype == tf.float32), key=_split_name)
    arrays = {name: reader.get_tensor(name) for name in names}
    return {name: Weight(values=values, channel_axis=_channel_axis(values.shape)) for name, values in arrays.items()}


def write(path: Path, changed: Mapping[str, Values]) -> None:
    """Rewrite the variables under the same keys and dtypes, with the graph of objects that is stored among them."""
    reader = tf.train.load_checkpoint(str(path / _PREFIX))
    types = reader.get_variable_to_dtype_map()
    names = sorted(types)
    tensors = [tf.constant(changed.get(name, reader.get_tensor(name)), dtype=types[name]) for name in names]
    with tf.device("/CPU:0"):
        tf.raw_ops.SaveV2(
            prefix=str(path / _PREFIX), tensor_names=names, shape_and_slices=[""] * len(names), tensors=tensors
        )


def _split_name(name: str) -> tuple[list[int], str]:
    return [int(part) if part.isdigit() else -1 for part in name.split("/")], name


def _channel_axis(shape: tuple[int, ...]) -> int | None:
    """Keras keeps the outputs last; a depthwise kernel has its channels before the number of outputs for each."""
    return len(shape) - 1 if shape and shape[-1] > 1 else longest_axis(shape)
