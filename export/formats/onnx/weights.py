"""Weights of an ONNX file: its initializers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from export.formats.weights import Values, Weight, as_stored, longest_axis

_STORED = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.INT8)
_OUTPUT_AXES = {"Conv": 0, "ConvTranspose": 1, "LSTM": 1, "GRU": 1, "RNN": 1}
"""Operator → the axis of its second input, the kernel, along which its outputs lie."""


def read(path: Path) -> dict[str, Weight]:
    """Initializers of these dtypes that an operator takes."""
    graph = onnx.load(path).graph
    constants = {tensor.name: tensor for tensor in graph.initializer if tensor.data_type in _STORED}
    found: dict[str, Weight] = {}
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name in constants and name not in found:
                tensor = constants[name]
                axis = _channel_axis(tuple(tensor.dims), node, place)
                found[name] = Weight(values=numpy_helper.to_array(tensor).astype(np.float32), channel_axis=axis)
    return found


def write(path: Path, changed: Mapping[str, Values]) -> None:
    """Replace the initializers' values."""
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.name in changed:
            dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
            tensor.CopyFrom(numpy_helper.from_array(as_stored(changed[tensor.name], dtype), tensor.name))
    path.write_bytes(model.SerializeToString(deterministic=True))


def _channel_axis(shape: tuple[int, ...], node: Any, place: int) -> int | None:
    if len(shape) < 2 or place != 1:
        return longest_axis(shape)
    if node.op_type in _OUTPUT_AXES:
        return _OUTPUT_AXES[node.op_type]
    if node.op_type == "MatMul":
        return len(shape) - 1
    if node.op_type == "Gemm":
        transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
        return 0 if transposed else 1
    return longest_axis(shape)
