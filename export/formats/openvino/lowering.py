"""Operators of an OpenVINO graph → others that compute the same and keep their mark of float32.

The processor's plugin rewrites graphs as it loads them, and what it makes of some operators has no mark (measured with
2026.4: those of `REWRITES`). They are written as what the plugin leaves alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from export.formats.openvino.identity import constant_of, is_float, keep_apart, like, negate
from export.formats.openvino.quiet import opset

Rewrite = Callable[[Any], Any]
"""An operator → the output that takes its place; None if it may stay."""

set1, set10 = opset(1), opset(10)
_ROUNDS = 20
_CLIPS = ("Clamp", "Maximum", "Minimum")
_MOVING = """
    Squeeze Unsqueeze Reshape Transpose ShuffleChannels Roll ReverseSequence DepthToSpace BatchToSpace Broadcast Gather
"""
"""Operators that move numbers. The plugin takes them past elementwise ones, of which it makes new ones for that."""
_ELEMENTWISE = """
    Abs Acos Acosh Asin Asinh Atan Atanh Ceiling Cos Cosh Erf Exp Floor Gelu HSigmoid HSwish Log Mish Negative Relu
    Round Sigmoid Sign Sin Sinh SoftPlus SoftSign Sqrt Tan Tanh Elu Selu Clamp Add Divide FloorMod Maximum Minimum Mod
    Multiply Power SquaredDifference Subtract
"""


def lower(model: Any) -> None:
    """Rewrite the operators of the graph until none is left that would lose its mark."""
    for _ in range(_ROUNDS):
        if not sum(_lower_one(op) for op in model.get_ordered_ops()):
            break
    model.validate_nodes_and_infer_types()


def keep_nan(model: Any) -> None:
    """Let NaN through what clips numbers, where the graph asks for NaN: the plugin's own clips answer with a limit."""
    ops = model.get_ordered_ops()
    if not any(op.get_type_name() == "IsNaN" for op in ops):
        return
    for op in ops:
        if op.get_type_name() in _CLIPS and is_float(op.output(0)):
            readers, made = list(op.output(0).get_target_inputs()), op.output(0)
            for value in op.input_values():
                if constant_of(value) is None:
                    made = set1.select(set10.is_nan(value), value, made).output(0)
            for reader in readers:
                reader.replace_source_output(made)


def _lower_one(op: Any) -> bool:
    """Whether it was changed."""
    kind = op.get_type_name()
    rewrite = REWRITES.get(kind)
    if rewrite is not None and op.get_output_size() and is_float(op.output(0)):
        made = rewrite(op)
        if made is not None:
            _replace(op, made)
            return True
    return _separate(op, kind)


def _replace(op: Any, made: Any) -> None:
    """Give the operator's place, name and tensor's names to the other."""
    node = made.get_node()
    node.set_friendly_name(op.get_friendly_name())
    names = op.output(0).get_names()
    if names:
        made.add_names(names)
    for target in list(op.output(0).get_target_inputs()):
        target.replace_source_output(made)


def _separate(op: Any, kind: str) -> bool:
    """Keep the operator separate from what comes before it, where the plugin would fuse or swap the two."""
    if kind not in _ELEMENTWISE.split() or not is_float(op.output(0)):
        return False
    inputs = op.input_values()
    before = inputs[0].get_node().get_type_name()
    others = [constant_of(value) for value in inputs[1:]]
    if kind == "Multiply" and before == "MatMul" and others[0] is not None:
        op.input(0).replace_source_output(keep_apart(inputs[0]))
        return True
    if kind in ("Add", "Maximum", "Minimum", "Multiply") and _widen(op, inputs):
        return True
    is_single = all(other is not None and other.size == 1 for other in others)
    if before in _MOVING.split() and is_single and len(op.output(0).get_target_inputs()) == 1:
        op.input(0).replace_source_output(keep_apart(inputs[0]))
        return True
    return False


def _widen(op: Any, inputs: list[Any]) -> bool:
    """Write a single constant as several, which the plugin does not join with the other operand's operator."""
    shape = op.output(0).get_partial_shape()
    sizes = [int(size.get_length()) if size.is_static else 0 for size in shape] if shape.rank.is_static else []
    wide = [axis for axis, size in enumerate(sizes) if size > 1 and axis]
    for place, value in enumerate(inputs):
        constant = constant_of(value)
        other = inputs[1 - place].get_node().get_type_name()
        # Of a channel's own numbers behind a reduction the plugin reads more than there are (measured with 2026.4).
        is_joined = other != "Constant" and not other.startswith("Reduce")
        if wide and constant is not None and constant.size == 1 and is_joined:
            ones = np.ones([size if axis == wide[-1] else 1 for axis, size in enumerate(sizes)], constant.dtype)
            op.input(place).replace_source_output(set1.constant(ones * constant.reshape(())).output(0))
            return True
    return False


def _max_pool(op: Any) -> Any:
    named = op.get_attributes()
    if op.get_type_info().version_id == "opset1" or any(size != 1 for size in named["dilations"]):
        return None
    if op.output(1).get_target_inputs():
        return None
    order = ("strides", "pads_begin", "pads_end", "kernel", "rounding_type", "auto_pad")
    return set1.max_pool(op.input_value(0), *(named[name] for name in order)).output(0)


def _softmax(op: Any) -> Any:
    rank = op.input_value(0).get_partial_shape().rank
    if op.get_type_info().version_id == "opset1" or rank.is_dynamic:
        return None
    return set1.softmax(op.input_value(0), op.get_attributes()["axis"] % rank.get_length()).output(0)


def _convolution(op: Any) -> Any:
    """The plugin takes every second pixel before it multiplies, by a MaxPool of its own."""
    data, kernel = op.input_values()
    named, axes = op.get_attributes(), 2 if op.get_type_name() == "Convolution" else 3
    if kernel.get_partial_shape().is_dynamic or named["auto_pad"] not in ("explicit", "valid"):
        return None
    sizes = list(kernel.get_partial_shape().get_max_shape())[axes:]
    is_padded = any([*named["pads_begin"], *named["pads_end"]])
    if is_padded or any(size != 1 for size in sizes) or all(step == 1 for step in named["strides"]):
        return None
    ones, zeros = [1] * len(sizes), [0] * len(sizes)
    picked = set1.max_pool(data, named["strides"], zeros, zeros, ones, "floor", "explicit")
    make = set1.convolution if axes == 2 else set1.group_convolution
    return make(picked, kernel, ones, zeros, zeros, ones, "explicit").output(0)


def _subtract(op: Any) -> Any:
    first, second = op.input_values()
    constant = constant_of(second)
    return set1.add(first, negate(second) if constant is None else set1.constant(-constant)).output(0)


def _negative(op: Any) -> Any:
    return negate(op.input_value(0))


def _divide(op: Any) -> Any:
    first, second = op.input_values()
    constant = constant_of(second)
    if constant is not None:
        return set1.multiply(first, set1.constant((1 / constant).astype(constant.dtype))).output(0)
    return set1.multiply(first, keep_apart(set1.power(second, like(second, -1)).output(0))).output(0)


def _pad(op: Any) -> Any:
    inputs, mode = op.input_values(), op.get_attributes()["pad_mode"]
    sizes = [constant_of(value) for value in inputs[1:3]]
    if op.get_type_info().version_id == "opset1" or any(size is None or (size < 0).any() for size in sizes):
        return None
    return set1.pad(*inputs[:3], mode, inputs[3] if len(inputs) > 3 else None).output(0)


def _tile(op: Any) -> Any:
    value, repeats = op.input_value(0), constant_of(op.input_value(1))
    rank = value.get_partial_shape().rank
    if repeats is None or rank.is_dynamic or len(repeats) != rank.get_length() or (repeats == 1).all():
        return None
    for axis, often in enumerate(repeats):
        if often > 1:
            value = set1.concat([value] * int(often), axis).output(0)
    return value


def _interpolate(op: Any) -> Any:
    inputs, named = op.input_values(), op.get_attributes()
    if op.get_type_info().version_id != "opset11" or "pillow" in named["mode"]:
        return None
    rank = inputs[0].get_partial_shape().rank.get_length()
    axes = inputs[2] if len(inputs) > 2 else set1.constant(np.arange(rank, dtype=np.int64))
    count = len(inputs[1].get_node().get_data()) if constant_of(inputs[1]) is not None else rank
    by_scales = named["shape_calculation_mode"] == "scales"
    sizes = set1.constant(np.ones(count, np.int64)) if by_scales else inputs[1]
    scales = inputs[1] if by_scales else set1.constant(np.ones(count, np.float32))
    same = ("mode", "shape_calculation_mode", "coordinate_transformation_mode", "nearest_mode", "antialias")
    # The newest maker of the operator of set 4 that knows axes.
    return set10.interpolate(
        inputs[0],
        sizes,
        scales,
        axes=axes,
        pads_begin=list(named["pads_begin"]),
        pads_end=list(named["pads_end"]),
        cube_coeff=named["cube_coeff"],
        **{name: named[name] for name in same},
    ).output(0)


def _log_softmax(op: Any) -> Any:
    value, axis = op.input_value(0), np.array([op.get_attributes()["axis"]], np.int64)
    shifted = set1.add(value, negate(set1.reduce_max(value, axis, True).output(0)))
    total = set1.reduce_sum(set1.exp(shifted), axis, True)
    return set1.add(shifted, negate(set1.log(total).output(0))).output(0)


def _broadcast(op: Any) -> Any:
    value, shape = op.input_values()[:2]
    mode = str(op.get_attributes().get("mode", "")).lower()
    if op.get_type_info().version_id == "opset1" or mode not in ("bidirectional", "numpy"):
        return None
    if mode == "numpy":
        return set1.broadcast(value, shape, mode="NUMPY").output(0)
    return set1.multiply(value, set1.broadcast(like(value, 1), shape, mode="NUMPY")).output(0)


def _add(op: Any) -> Any:
    """A bias that is added to a product."""
    inputs = op.input_values()
    for value, other in (inputs, inputs[::-1]):
        is_alone = len(value.get_target_inputs()) == 1
        if value.get_node().get_type_name() == "MatMul" and constant_of(other) is not None and is_alone:
            return set1.add(keep_apart(value), other).output(0)
    return None


def _prelu(op: Any) -> Any:
    """The plugin has an operator of its own for a single slope."""
    value, slope = op.input_values()
    constant = constant_of(slope)
    if constant is None or constant.size != 1:
        return None
    below = set1.multiply(value, like(value, float(constant.reshape(()))))
    return set1.select(set1.less(value, like(value, 0)), below, value).output(0)


REWRITES: Mapping[str, Rewrite] = {
    "Add": _add,
    "Broadcast": _broadcast,
    "Convolution": _convolution,
    "Divide": _divide,
    "GroupConvolution": _convolution,
    "Interpolate": _interpolate,
    "LogSoftmax": _log_softmax,
    "MaxPool": _max_pool,
    "Negative": _negative,
    "PRelu": _prelu,
    "Pad": _pad,
    "Softmax": _softmax,
    "Subtract": _subtract,
    "Tile": _tile,
}
"""Operator → what makes another of it."""
