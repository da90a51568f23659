"""ONNX file → Backend, with onnxruntime alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from export.arrays import Arrays
from export.artifact import TensorSpec
from export.errors import InputError
from export.formats.runtime import one_line

_DTYPES = {
    "tensor(uint8)": "uint8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(float)": "float32",
    "tensor(bool)": "bool",
}


class OnnxModel:
    """An onnxruntime session behind the common call."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.inputs = tuple(_spec(node) for node in session.get_inputs())
        self.outputs = tuple(_spec(node) for node in session.get_outputs())

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        names = [spec.name for spec in self.outputs]
        try:
            answers = self._session.run(names, dict(inputs))
        # onnxruntime has an exception class for each of its status codes and no common one.
        except Exception as error:
            raise ValueError(f"onnxruntime can't run the file ({one_line(error)})") from error
        return dict(zip(names, answers, strict=True))


def load(path: Path, threads: int | None, optimized: bool) -> OnnxModel:  # noqa: FBT001
    """Open the file. Raises InputError if onnxruntime refuses it."""
    options = onnxruntime.SessionOptions()
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        # Names that are no UTF-8 fail when they are asked for.
        return OnnxModel(onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]))
    except Exception as error:
        raise InputError(f"{path} can't be opened by onnxruntime ({one_line(error)}): export it again") from error


def _spec(node: Any) -> TensorSpec:
    shape = tuple(size if isinstance(size, int) else None for size in node.shape)
    return TensorSpec(name=node.name, dtype=_DTYPES.get(node.type, node.type), shape=shape)
