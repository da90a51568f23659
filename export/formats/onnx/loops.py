"""Whether the loops of an ONNX graph have an end that can be read from the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from export.formats.onnx.messages import all_graphs

MOST_ROUNDS = 1_000_000
_SIZES = frozenset({"Shape", "Size"})
_PASSING_ON = frozenset(
    {"Cast", "Concat", "Gather", "Identity", "Min", "ReduceMax", "ReduceMin", "Reshape", "Slice", "Squeeze"}
) | {"Unsqueeze"}
"""Operators whose answers are no larger than what they are given."""
_DEEPEST = 20


def has_endless_loop(graph: Any) -> bool:
    """Whether a Loop anywhere in the GraphProto lacks a number of rounds, or it is none that a constant of at most
    `MOST_ROUNDS` or the size of a tensor gives. (A Scan ends with what it is given.)"""
    graphs = list(all_graphs(graph))
    constants = {tensor.name: tensor for one in graphs for tensor in one.initializer}
    made = {output: node for one in graphs for node in one.node for output in node.output}
    loops = [node for one in graphs for node in one.node if node.op_type == "Loop"]
    return any(not node.input or not _is_bounded(node.input[0], constants, made, _DEEPEST) for node in loops)


def _is_bounded(name: str, constants: Mapping[str, Any], made: Mapping[str, Any], depth: int) -> bool:
    if name in constants:
        return _is_small(constants[name])
    node = made.get(name)
    if node is None or not depth:
        return False
    if node.op_type == "Constant":
        return all(attribute.HasField("t") and _is_small(attribute.t) for attribute in node.attribute)
    if node.op_type in _SIZES:
        return True
    return node.op_type in _PASSING_ON and all(
        _is_bounded(one, constants, made, depth - 1) for one in node.input if one
    )


def _is_small(tensor: Any) -> bool:
    """Whether all of a tensor's whole numbers are at most `MOST_ROUNDS`; those of other types are not known."""
    raw = tensor.raw_data
    numbers = [int.from_bytes(raw[at : at + 8], "little", signed=True) for at in range(0, len(raw), 8)]
    return tensor.data_type == _INT64 and max([*numbers, *tensor.int64_data], default=0) <= MOST_ROUNDS


_INT64 = 7
"""TensorProto.INT64."""
