"""ONNX file → what it says about itself, with onnxruntime alone."""

from __future__ import annotations

from pathlib import Path

import onnxruntime


def read(path: Path) -> dict[str, str]:
    """The metadata of an ONNX file, by onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    # Nothing is run, so nothing has to be made fast.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return dict(session.get_modelmeta().custom_metadata_map)
