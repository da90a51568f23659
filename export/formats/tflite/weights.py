"""Weights of a TFLite file: its constant buffers, changed where they stand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.formats.weights import Values, Weight, as_stored, longest_axis

_STORED: dict[int, type[np.generic]] = {
    schema.TensorType.FLOAT32: np.float32,
    schema.TensorType.FLOAT16: np.float16,
    schema.TensorType.INT8: np.int8,
}
_KERNEL_AXES = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": -1, "FULLY_CONNECTED": 0, "TRANSPOSE_CONV": 0, "CONV_3D": -1}
"""Operator → the axis of its second input, the kernel, along which its outputs lie."""
_OPERATORS = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}


def read(path: Path) -> dict[str, Weight]:
    """Constant tensors of these dtypes that an operator takes; several with one buffer count once."""
    return {
        name: Weight(values=values.astype(np.float32), channel_axis=axis)
        for name, (values, axis) in _constants(bytearray(path.read_bytes())).items()
    }


def write(path: Path, changed: Mapping[str, Values]) -> None:
    """Replace the values in the buffers: no other byte of the file moves."""
    content = bytearray(path.read_bytes())
    views = _constants(content)
    for name, values in changed.items():
        view = views[name][0]
        view[...] = as_stored(values, view.dtype)
    # What views it must go before the bytes can be handed over.
    path.write_bytes(bytes(content))


def _constants(content: bytearray) -> dict[str, tuple[np.ndarray, int | None]]:
    """Views of the constants in the bytes of a file, and their channel axes, by name."""
    model = schema.Model.GetRootAs(content, 0)
    found: dict[int, tuple[str, np.ndarray, int | None]] = {}
    for graph in map(model.Subgraphs, range(model.SubgraphsLength())):
        for operator in map(graph.Operators, range(graph.OperatorsLength())):
            for place, number in enumerate(operator.InputsAsNumpy() if operator.InputsLength() else ()):
                tensor = graph.Tensors(int(number)) if number >= 0 else None
                if tensor is None or tensor.Type() not in _STORED or tensor.Buffer() in found:
                    continue
                buffer = model.Buffers(tensor.Buffer())
                if buffer.DataLength():
                    shape = tuple(int(size) for size in tensor.ShapeAsNumpy()) if tensor.ShapeLength() else ()
                    values = buffer.DataAsNumpy().view(_STORED[tensor.Type()]).reshape(shape)
                    axis = _channel_axis(shape, _OPERATORS.get(_code(model, operator), ""), place)
                    found[tensor.Buffer()] = (tensor.Name().decode(), values, axis)
    # Names in a TFLite file may repeat, buffers do not.
    names = [name for name, _, _ in found.values()]
    return {
        name if names.count(name) == 1 else f"{name}#{buffer}": (values, axis)
        for buffer, (name, values, axis) in found.items()
    }


def _code(model: Any, operator: Any) -> int:
    code = model.OperatorCodes(operator.OpcodeIndex())
    # Operators below 127 stand in the older field.
    return max(int(code.BuiltinCode()), int(code.DeprecatedBuiltinCode()))


def _channel_axis(shape: tuple[int, ...], operator: str, place: int) -> int | None:
    # A transposed convolution takes the size of its answer first and its kernel second too.
    if len(shape) < 2 or place != 1 or operator not in _KERNEL_AXES:
        return longest_axis(shape)
    return _KERNEL_AXES[operator] % len(shape)
