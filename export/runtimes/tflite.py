"""TFLite file → RuntimeModel, with ai-edge-litert alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from export.artifact import INPUT_NAME, OUTPUT_NAME, TensorSpec
from export.errors import InputError
from export.native_output import held_back
from export.parity import Probabilities
from export.runtimes import check_images, one_line

_SIGNATURE = "serving_default"


class TFLiteModel:
    """A LiteRT signature runner behind the common call; it takes any batch size."""

    def __init__(self, interpreter: Any) -> None:
        # The runner borrows the interpreter's memory and does not keep it alive.
        self._interpreter = interpreter
        self._runner = interpreter.get_signature_runner(_SIGNATURE)
        self.input = _spec(self._runner.get_input_details())
        self.output = _spec(self._runner.get_output_details())

    def __call__(self, images: np.ndarray) -> Probabilities:
        check_images(images, self.input)
        try:
            answer: Probabilities = self._runner(**{self.input.name: images})[self.output.name]
        except RuntimeError as error:
            raise ValueError(f"LiteRT can't run the file ({one_line(error)})") from error
        return answer


def load(path: Path, threads: int | None) -> TFLiteModel:
    """Open the file. Raises InputError if LiteRT refuses it or it lacks the serving signature."""
    try:
        with held_back():
            interpreter = Interpreter(model_path=str(path), num_threads=threads)
            interpreter.allocate_tensors()
        signatures = interpreter.get_signature_list()
    except (ValueError, RuntimeError) as error:
        raise InputError(f"{path} can't be opened by LiteRT ({one_line(error)}): export it again") from error
    names = signatures.get(_SIGNATURE, {"inputs": [], "outputs": []})
    if names["inputs"] != [INPUT_NAME] or names["outputs"] != [OUTPUT_NAME]:
        raise InputError(
            f"{path} lacks the signature {_SIGNATURE} with {INPUT_NAME} and {OUTPUT_NAME}: export it again"
        )
    return TFLiteModel(interpreter)


def _spec(details: dict[str, Any]) -> TensorSpec:
    ((name, detail),) = details.items()
    shape = tuple(None if size == -1 else int(size) for size in detail["shape_signature"])
    return TensorSpec(name=name, dtype=np.dtype(detail["dtype"]).name, shape=shape)
