"""TFLite file → Backend, with ai-edge-litert alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from export.arrays import Arrays
from export.artifact import SERVING_SIGNATURE, TensorSpec
from export.errors import InputError
from export.formats.runtime import one_line
from tuning.native_output import hold_back


class TFLiteModel:
    """A LiteRT signature runner behind the common call; it takes any batch size."""

    def __init__(self, interpreter: Any) -> None:
        # The runner borrows the interpreter's memory and does not keep it alive.
        self._interpreter = interpreter
        self._runner = interpreter.get_signature_runner(SERVING_SIGNATURE)
        self.inputs = tensor_specs(self._runner.get_input_details())
        self.outputs = tensor_specs(self._runner.get_output_details())

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        try:
            answers: dict[str, np.ndarray] = self._runner(**inputs)
        except RuntimeError as error:
            raise ValueError(f"LiteRT can't run the file ({one_line(error)})") from error
        return answers


def load(path: Path, threads: int | None, optimized: bool) -> TFLiteModel:  # noqa: FBT001
    """Open the file. Raises InputError if LiteRT refuses it or it lacks the serving signature."""
    kernels = OpResolverType.AUTO if optimized else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    try:
        with hold_back():
            interpreter = Interpreter(model_path=str(path), num_threads=threads, experimental_op_resolver_type=kernels)
            interpreter.allocate_tensors()
        if SERVING_SIGNATURE in interpreter.get_signature_list():
            # Names that are no UTF-8 fail when they are asked for.
            return TFLiteModel(interpreter)
    except (ValueError, RuntimeError) as error:
        raise InputError(f"{path} can't be opened by LiteRT ({one_line(error)}): export it again") from error
    raise InputError(f"{path} lacks the signature {SERVING_SIGNATURE}: export it again")


def tensor_specs(details: dict[str, Any]) -> tuple[TensorSpec, ...]:
    """What a signature runner tells of its inputs or outputs."""
    return tuple(
        TensorSpec(
            name=name,
            dtype=np.dtype(detail["dtype"]).name,
            shape=tuple(None if size == -1 else int(size) for size in detail["shape_signature"]),
        )
        for name, detail in details.items()
    )
