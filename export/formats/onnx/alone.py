"""ONNX where only numpy and onnxruntime can be imported: nothing of this project can, and nothing of it is here."""

from __future__ import annotations

from typing import Any

import onnxruntime


def answer(path: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """The file's answers by name, with one thread."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))
