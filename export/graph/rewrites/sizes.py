"""Sizes that are known but for the batch: constants, instead of being computed at every call.

Behind a shape that was put together from parts of another one, as two upsamplings in a row do, TFLite's converter, and
at times TensorFlow itself, no longer knows how large images are, and lacks operators for images of unknown size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

Sizes = np.ndarray
"""An object array of whole numbers, None in the place of what inputs decide, such as the batch."""

SIZES = frozenset({"Shape"})
"""Where sizes come from."""
LONGEST = 20
"""Lists of so many numbers are no shapes."""


def fix_target(inputs: Sequence[Any]) -> list[Any]:
    """Inputs of a Reshape, with a constant as its target if all but one size are known."""
    values, target = inputs
    known = known_sizes(target)
    if target.op.type == "Const" or known is None or 0 in known:
        return [values, target]
    sizes = [-1 if size is None else int(size) for size in known]
    return [values, target if sizes.count(-1) > 1 else tf.constant(sizes, target.dtype, name="target")]


def fix_size(tensor: Any) -> Any:
    """The tensor, as a constant if it is a known size, or several of them, that would be computed."""
    known = known_sizes(tensor) if tensor.op.type in _COMPUTED else None
    if known is None or None in known.flat:
        return tensor
    return tf.constant(known.astype(tensor.dtype.as_numpy_dtype), name="size")


def known_sizes(tensor: Any) -> Sizes | None:
    """What is known of a size, or a list of them, without running the graph; None if that is nothing."""
    operator = tensor.op
    if tensor.dtype not in (tf.int32, tf.int64) or (tensor.shape.num_elements() or LONGEST) >= LONGEST:
        return None
    if operator.type == "Const":
        return np.asarray(tf.get_static_value(tensor)).astype(object)
    if operator.type == "Shape":
        shape = operator.inputs[0].shape
        return None if shape.rank is None else np.array(shape.as_list(), dtype=object)
    if operator.type not in _COMPUTED:
        return None
    parts = [known_sizes(part) for part in operator.inputs]
    return None if any(part is None for part in parts) else _COMPUTED[operator.type](operator, parts)


def _slice(operator: Any, parts: Sequence[Any]) -> Sizes | None:
    """Of a list along its only axis; other slices of sizes are rare."""
    sizes, begin, end, strides = parts
    masks = {name: operator.get_attr(f"{name}_mask") for name in ("begin", "end", "shrink_axis")}
    if sizes.ndim != 1 or operator.get_attr("ellipsis_mask") or operator.get_attr("new_axis_mask"):
        return None
    if None in (*begin.flat, *end.flat, *strides.flat):
        return None
    if masks["shrink_axis"]:
        return np.array(sizes[begin.item()], dtype=object)
    first = None if masks["begin"] else begin.item()
    return np.asarray(sizes[first : None if masks["end"] else end.item() : strides.item()])


def _gather(operator: Any, parts: Sequence[Any]) -> Sizes | None:
    sizes, at, axis = parts
    if sizes.ndim != 1 or axis.item() not in (0, -1) or operator.get_attr("batch_dims") or None in at.flat:
        return None
    return np.asarray(sizes[at.astype(int)], dtype=object)


def _concat(operator: Any, parts: Sequence[Any]) -> Sizes:
    return np.concatenate([np.atleast_1d(part) for part in parts[:-1]])


def _pack(operator: Any, parts: Sequence[Any]) -> Sizes:
    return np.stack(parts)


def _product(operator: Any, parts: Sequence[Any]) -> Sizes | None:
    return None if None in parts[0].flat else np.array(np.prod(parts[0].astype(np.int64)), dtype=object)


def _as_it_is(operator: Any, parts: Sequence[Any]) -> Sizes:
    return np.asarray(parts[0])


def _elementwise(compute: Callable[[int, int], int]) -> Callable[[Any, Sequence[Any]], Sizes]:
    def evaluate(operator: Any, parts: Sequence[Any]) -> Sizes:
        first, second = np.broadcast_arrays(*parts)
        pairs = zip(first.flat, second.flat, strict=True)
        values = [None if None in pair else compute(*map(int, pair)) for pair in pairs]
        return np.array(values, dtype=object).reshape(first.shape)

    return evaluate


_COMPUTED: Mapping[str, Callable[[Any, Sequence[Any]], Sizes | None]] = {
    "StridedSlice": _slice,
    "GatherV2": _gather,
    "ConcatV2": _concat,
    "Pack": _pack,
    "Prod": _product,
    "Cast": _as_it_is,
    "Identity": _as_it_is,
    "Mul": _elementwise(lambda a, b: a * b),
    "AddV2": _elementwise(lambda a, b: a + b),
    "Sub": _elementwise(lambda a, b: a - b),
    "FloorDiv": _elementwise(lambda a, b: a // b),
    "Maximum": _elementwise(max),
    "Minimum": _elementwise(min),
}
"""Operator → what it makes of known sizes; None if that is unknown."""
