"""ONNX file → its intermediate tensors, with onnxruntime and what that brings along."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from export.arrays import Arrays
from export.errors import InputError
from export.formats.onnx.messages import read_onnx
from export.formats.runtime import one_line

_FLOATS = ("tensor(float)", "tensor(float16)", "tensor(double)")


class OnnxTensors:
    """A session over the file's graph in which every node's results are outputs."""

    def __init__(self, path: Path, session: Any, names: list[str]) -> None:
        self._path = path
        self._session = session
        kinds = {output.name: output.type for output in session.get_outputs()}
        self._names = [name for name in names if kinds[name] in _FLOATS]

    def read(self, inputs: Arrays) -> dict[str, np.ndarray]:
        try:
            answers = self._session.run(self._names, dict(inputs))
        # onnxruntime has an exception class for each of its status codes and no common one.
        except Exception as error:
            raise InputError(
                f"{self._path} does not answer the recorded inputs ({one_line(error)}): it is another model's file, or "
                "damaged"
            ) from error
        return {name: np.asarray(answer, dtype=np.float32) for name, answer in zip(self._names, answers, strict=True)}


def open_tensors(path: Path) -> OnnxTensors:
    """Open the file, without the optimizations by which nodes are joined and their results lost.

    Raises InputError if it is not ONNX or onnxruntime refuses it.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    content, names = _with_every_output(path)
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise InputError(f"{path} can't be opened by onnxruntime ({one_line(error)}): export it again") from error
    return OnnxTensors(path, session, names)


def _with_every_output(path: Path) -> tuple[bytes, list[str]]:
    """The file's model with all results of its outermost graph among the outputs, and their names in order of nodes.

    Their types are left open: onnxruntime infers them. Loops and branches keep to themselves what they compute inside.
    Raises InputError if the file holds no ONNX model.
    """
    model = read_onnx(path)
    names = list(dict.fromkeys(name for node in model.graph.node for name in node.output if name))
    present = {output.name for output in model.graph.output}
    for name in names:
        if name not in present:
            model.graph.output.add(name=name)
    content: bytes = model.SerializeToString()
    return content, names
