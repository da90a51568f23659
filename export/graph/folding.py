"""Fold what needs no layer of its own into the layer before or behind it, in a frozen graph, for every converter alike.

- A factor or a shift for each channel, such as batch normalization in inference, goes into the convolution or dense
  layer before it, also where a pooling lies between the two: the largest of shifted and scaled values is the shifted
  and scaled largest, as long as no factor is negative; for a mean any factor will do.
- A single factor before a convolution, such as `Rescaling`, goes into its kernel; a shift by nothing goes.

Converters do the first of these where the layers are neighbours, and the second not reliably.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from export.graph.frozen_graph import FrozenGraph, data_inputs

LINEAR = {"Conv2D": 1, "DepthwiseConv2dNative": 1, "MatMul": 1}
"""Operators whose kernel is their input with this number."""
POOLINGS = ("MaxPool", "AvgPool")
SHIFTS = ("AddV2", "BiasAdd", "Add")


def fold_graph(graph: Any, answers: Sequence[str]) -> bool:
    """Fold all that can be folded in the frozen GraphDef, in place; whether there was anything.

    `answers`: names of the tensors that are its outputs. What is no longer needed stays, unused.
    """
    folding = FrozenGraph(graph, answers)
    changed = False
    while any(rule(folding, node) for rule in RULES for node in list(graph.node) if folding.has(node)):
        folding.count_readers()
        changed = True
    return changed


def _fold_backwards(graph: FrozenGraph, node: Any) -> bool:
    """Factor or shift → the convolution or dense layer before it."""
    if node.op not in ("Mul", *SHIFTS) or len(data_inputs(node)) != 2 or graph.is_answer(node):
        return False
    at, values = _constant_side(graph, node)
    before = graph.source(node, 1 - at)
    chain = None if values is None or before is None else _linear_chain(graph, before)
    if values is None or before is None or chain is None:
        return False
    linear, shift, pooling = chain
    kernel = graph.constant(graph.source(linear, LINEAR[linear.op]))
    if kernel is None or _is_transposed(linear) or kernel.dtype != np.float32:
        return False
    channels = kernel.shape[-1] if linear.op != "DepthwiseConv2dNative" else kernel.shape[-1] * kernel.shape[-2]
    per_channel = _per_channel(values, channels) if _is_channels_last(node) else None
    if per_channel is None or values.ndim > _rank(linear):
        return False
    if node.op == "Mul":
        if pooling is not None and pooling.op == "MaxPool" and (per_channel < 0).any():
            return False
        _scale_output(graph, linear, kernel, per_channel)
        if shift is not None:
            at_shift, old = _constant_side(graph, shift)
            assert old is not None
            shift.input[at_shift] = graph.add_constant(f"{shift.name}/folded", _times(old.reshape(-1), per_channel))
    elif shift is not None:
        at_shift, old = _constant_side(graph, shift)
        assert old is not None
        total = (old.reshape(-1).astype(np.float64) + per_channel).astype(np.float32)
        shift.input[at_shift] = graph.add_constant(f"{shift.name}/folded", total)
    elif pooling is not None:
        _shift_before(graph, pooling, linear, per_channel)
    else:
        return False
    graph.replace(node, before.name)
    return True


def _fold_forwards(graph: FrozenGraph, node: Any) -> bool:
    """A single factor → the kernel of the convolution behind it; a shift by nothing → nowhere."""
    if node.op not in ("Conv2D", "DepthwiseConv2dNative"):
        return False
    before = graph.source(node, 0)
    if before is None or before.op not in ("Mul", "AddV2") or len(data_inputs(before)) != 2:
        return False
    at, value = _constant_side(graph, before)
    kernel = graph.constant(graph.source(node, 1))
    if value is None or value.size != 1 or kernel is None or kernel.dtype != np.float32 or value.dtype != np.float32:
        return False
    if before.op == "AddV2" and value.item() != 0:
        return False
    if before.op == "Mul":
        scaled = _times(kernel, np.float64(value.item()))
        node.input[1] = graph.add_constant(f"{node.name}/folded", scaled)
    node.input[0] = data_inputs(before)[1 - at]
    return True


RULES = (_fold_forwards, _fold_backwards)


def _linear_chain(graph: FrozenGraph, node: Any) -> tuple[Any, Any, Any] | None:
    """(linear, shift or None, pooling or None) that end in `node`, each read by the next alone; else None."""
    pooling = shift = None
    rank = 0
    if not graph.only_read_here(node):
        return None
    if node.op in POOLINGS and _is_channels_last(node):
        pooling, node = node, graph.source(node, 0)
        if node is None or not graph.only_read_here(node):
            return None
    if node.op in SHIFTS and len(data_inputs(node)) == 2:
        at, values = _constant_side(graph, node)
        if values is None or values.shape[-1:] not in ((), (values.size,)) or not _is_channels_last(node):
            return None
        rank, shift, node = values.ndim, node, graph.source(node, 1 - at)
        if node is None or not graph.only_read_here(node):
            return None
    if node.op not in LINEAR or not _is_channels_last(node) or rank > _rank(node):
        return None
    return node, shift, pooling


def _scale_output(graph: FrozenGraph, linear: Any, kernel: np.ndarray, factors: np.ndarray) -> None:
    if linear.op == "DepthwiseConv2dNative":
        factors = factors.reshape(kernel.shape[-2:])
    linear.input[LINEAR[linear.op]] = graph.add_constant(f"{linear.name}/folded", _times(kernel, factors))


def _shift_before(graph: FrozenGraph, pooling: Any, linear: Any, values: np.ndarray) -> None:
    shift = graph.add_node(f"{linear.name}/shifted", "BiasAdd", varies=True)
    shift.input[:] = [linear.name, graph.add_constant(f"{linear.name}/shift", values.astype(np.float32))]
    shift.attr["T"].CopyFrom(linear.attr["T"])
    shift.attr["data_format"].s = b"NHWC"
    pooling.input[0] = shift.name


def _constant_side(graph: FrozenGraph, node: Any) -> tuple[int, np.ndarray | None]:
    """(number of the constant input, its value); None where neither or both are constant."""
    values = [graph.constant(graph.source(node, number)) for number in (0, 1)]
    if (values[0] is None) == (values[1] is None):
        return 1, None
    return (0, values[0]) if values[0] is not None else (1, values[1])


def _per_channel(values: np.ndarray, channels: int) -> np.ndarray | None:
    """The values, float64 (channels,), of a constant that is spread over all but the last dimension; else None."""
    if values.dtype != np.float32 or values.size not in (1, channels) or values.size != max(values.shape, default=1):
        return None
    if values.size > 1 and values.shape[-1] != channels:
        return None
    return np.broadcast_to(values.reshape(-1).astype(np.float64), (channels,))


def _rank(linear: Any) -> int:
    return 2 if linear.op == "MatMul" else 4


def _times(values: np.ndarray, factors: np.ndarray | np.float64) -> np.ndarray:
    return (values.astype(np.float64) * factors).astype(np.float32)


def _is_channels_last(node: Any) -> bool:
    return "data_format" not in node.attr or node.attr["data_format"].s == b"NHWC"


def _is_transposed(node: Any) -> bool:
    # Reading an attribute that is not there would create it, empty, and the graph could not run.
    return any(name in node.attr and node.attr[name].b for name in ("transpose_a", "transpose_b"))
