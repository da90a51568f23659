"""Weights of an OpenVINO model: its constants, changed where they lie."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from export.formats.openvino.ir_file import CONSTANTS, read_ir
from export.formats.openvino.structure import StoredConstant, stored_constants
from export.formats.weights import Values, Weight, as_stored, longest_axis

_STORED = ("f32", "f16", "i8")
_OUTPUT_AXES = {"Convolution": 0, "GroupConvolution": 0, "ConvolutionBackpropData": 1}
"""Operator → the axis of its second input, the kernel, along which its outputs lie."""
_RESTORING = ("Convert", "Multiply", "Subtract")
"""Operators by which a constant of fewer bits becomes float32."""


def read(path: Path) -> dict[str, Weight]:
    """Constants of these types that an operator takes; several with the same bytes count once."""
    ir = read_ir(path)
    return {
        one.name: Weight(values=one.values(ir.constants).astype(np.float32), channel_axis=_channel_axis(ir.net, one))
        for one in _weights(ir.net)
    }


def write(path: Path, changed: Mapping[str, Values]) -> None:
    """Replace the values in the file of constants: no other byte moves."""
    ir = read_ir(path)
    constants = bytearray(ir.constants)
    for one in _weights(ir.net):
        if one.name in changed:
            dtype = one.values(ir.constants).dtype
            stored = as_stored(changed[one.name], dtype).tobytes()
            constants[one.offset : one.offset + one.size_bytes] = stored
    (path / CONSTANTS).write_bytes(bytes(constants))


def _weights(net: Element) -> list[StoredConstant]:
    first_at: dict[int, StoredConstant] = {}
    for one in stored_constants(net):
        if one.element_type in _STORED and one.size_bytes:
            first_at.setdefault(one.offset, one)
    return list(first_at.values())


def _channel_axis(net: Element, one: StoredConstant) -> int | None:
    layer, place = _reader(net, one.number)
    kind = layer.get("type", "") if layer is not None else ""
    if len(one.shape) < 2 or place != "1":
        return longest_axis(one.shape)
    if kind == "MatMul" and layer is not None:
        data = layer.find("data")
        is_transposed = data is not None and data.get("transpose_b") == "true"
        return len(one.shape) - (2 if is_transposed else 1)
    return _OUTPUT_AXES.get(kind, longest_axis(one.shape))


def _reader(net: Element, number: str) -> tuple[Element | None, str]:
    """The operator that computes with a constant, beyond those that restore it, and the port at which it takes it."""
    for edge in net.findall("edges/edge"):
        if edge.get("from-layer") == number:
            layer = net.find(f"layers/layer[@id='{edge.get('to-layer')}']")
            if layer is not None and layer.get("type") in _RESTORING and edge.get("to-port") == "0":
                return _reader(net, edge.get("to-layer", ""))
            return layer, edge.get("to-port", "")
    return None, ""
