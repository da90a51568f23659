"""Which ONNX files the installed onnxruntime really opens: found out by trying, as its documents lag behind it."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import onnx
import onnxruntime

from export.artifact import ONNX_IR_VERSION
from export.errors import InputError
from export.formats.targets import OLDEST_OPSET

NEWEST_TRIED = 64


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """The newest IR version and the newest opset of a file that opens; 0 if none does."""

    ir: int
    opset: int


@functools.cache
def accepted() -> Accepted:
    """What the installed onnxruntime accepts, tried upwards with a graph of one operator."""
    irs = [ir for ir in range(3, NEWEST_TRIED) if _opens(ir=ir, opset=OLDEST_OPSET)]
    opsets = [opset for opset in range(1, NEWEST_TRIED) if _opens(ir=ONNX_IR_VERSION, opset=opset)]
    return Accepted(ir=max(irs, default=0), opset=max(opsets, default=0))


def require_accepted(opset: int) -> None:
    """Raise InputError if the installed onnxruntime would refuse a file with our IR version and this opset."""
    found = accepted()
    if found.ir < ONNX_IR_VERSION or found.opset < opset:
        raise InputError(
            f"onnxruntime {onnxruntime.__version__} opens files up to IR {found.ir} and opset {found.opset} but a file "
            f"with IR {ONNX_IR_VERSION} and opset {opset} was asked for: install a newer onnxruntime or choose a "
            "smaller --opset"
        )


def _opens(*, ir: int, opset: int) -> bool:
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["a"], ["b"])],
        "probe",
        [value("a", onnx.TensorProto.FLOAT, [1])],
        [value("b", onnx.TensorProto.FLOAT, [1])],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])
    model.ir_version = ir
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    # onnxruntime has an exception class for each of its status codes and no common one.
    except Exception:  # noqa: BLE001 a refusal is the answer
        return False
    return True
