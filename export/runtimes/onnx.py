"""ONNX file → RuntimeModel, with onnxruntime alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from export.artifact import TensorSpec
from export.errors import InputError
from export.parity import Probabilities
from export.runtimes import check_images, one_line

_DTYPES = {"tensor(uint8)": "uint8", "tensor(float)": "float32"}


class OnnxModel:
    """An onnxruntime session behind the common call."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.input = _spec(session.get_inputs()[0])
        self.output = _spec(session.get_outputs()[0])

    def __call__(self, images: np.ndarray) -> Probabilities:
        check_images(images, self.input)
        try:
            answer: Probabilities = self._session.run([self.output.name], {self.input.name: images})[0]
        # onnxruntime has an exception class for each of its status codes and no common one.
        except Exception as error:
            raise ValueError(f"onnxruntime can't run the file ({one_line(error)})") from error
        return answer


def load(path: Path, threads: int | None) -> OnnxModel:
    """Open the file. Raises InputError if onnxruntime refuses it."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise InputError(f"{path} can't be opened by onnxruntime ({one_line(error)}): export it again") from error
    return OnnxModel(session)


def _spec(node: Any) -> TensorSpec:
    shape = tuple(size if isinstance(size, int) else None for size in node.shape)
    return TensorSpec(name=node.name, dtype=_DTYPES.get(node.type, node.type), shape=shape)
