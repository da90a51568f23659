"""What several files of one model are written from, made once and shared: the traced graphs, and the float32 ONNX."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from export.arrays import Arrays
from export.artifact import Format
from export.formats.format import load_part

if TYPE_CHECKING:
    from export.model.serving import ServingModel


class ModelSource:
    """The model on its way into files; to be used as `with opened(…) as source`.

    `calibration`: training examples by the names of the inputs, (examples, …) each, from which integer arithmetic gets
    its ranges; None where no file needs them.
    """

    def __init__(self, serving: ServingModel, folder: Path, *, opset: int, calibration: Arrays | None) -> None:
        self.serving = serving
        self.opset = opset
        self.calibration = calibration
        self._folder = folder

    @cached_property
    def tflite_source(self) -> Path:
        """A SavedModel of the serving function in operators that TFLite has."""
        from export.graph.tracing import trace

        path = self._folder / "tflite_source"
        load_part(Format.SAVED_MODEL, "writer").write_plain(
            self.serving, trace(self.serving, Format.TFLITE), path, with_gradients=False
        )
        return path

    @cached_property
    def onnx(self) -> bytes:
        """The model as float32 ONNX, without a description."""
        made: bytes = load_part(Format.ONNX, "writer").convert(self.serving, self.opset)
        return made


@contextlib.contextmanager
def opened(serving: ServingModel, *, opset: int, calibration: Arrays | None = None) -> Iterator[ModelSource]:
    """A source whose temporary files are gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        yield ModelSource(serving, Path(folder), opset=opset, calibration=calibration)
