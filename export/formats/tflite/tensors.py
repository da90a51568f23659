"""TFLite file → its intermediate tensors, with ai-edge-litert alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from export.arrays import Arrays
from export.artifact import SERVING_SIGNATURE
from export.errors import InputError
from export.formats.runtime import check_inputs, one_line
from export.formats.tflite.runtime import tensor_specs
from tuning.native_output import hold_back


class TFLiteTensors:
    """An interpreter that keeps every tensor, one operator at a time: without the delegate that joins operators."""

    def __init__(self, path: Path, interpreter: Any) -> None:
        self._path = path
        self._interpreter = interpreter
        self._runner = interpreter.get_signature_runner(SERVING_SIGNATURE)
        self._names = _results(interpreter)

    def read(self, inputs: Arrays) -> dict[str, np.ndarray]:
        try:
            # LiteRT would give the file other sizes instead.
            check_inputs(inputs, tensor_specs(self._runner.get_input_details()))
            # Through the signature, which knows the inputs by their names.
            self._runner(**inputs)
            tensors = {name: self._float32(index) for name, index in self._names.items()}
        except (ValueError, RuntimeError) as error:
            raise InputError(
                f"{self._path} does not answer the recorded inputs ({one_line(error)}): it is another model's file, or "
                "damaged"
            ) from error
        return {name: tensor for name, tensor in tensors.items() if tensor is not None}

    def _float32(self, index: int) -> np.ndarray | None:
        """The tensor in float32, None if it holds whole numbers that stand for themselves."""
        details = self._interpreter._get_tensor_details(index, 0)
        scales = details["quantization_parameters"]["scales"]
        dtype = np.dtype(details["dtype"])
        if not np.issubdtype(dtype, np.floating) and len(scales) != 1:
            return None
        values: np.ndarray = self._interpreter.get_tensor(index).astype(np.float32)
        if np.issubdtype(dtype, np.floating):
            return values
        zero: np.ndarray = details["quantization_parameters"]["zero_points"].astype(np.float32)
        return np.asarray((values - zero) * scales, dtype=np.float32)


def open_tensors(path: Path) -> TFLiteTensors:
    """Open the file. Raises InputError if LiteRT refuses it or it lacks the serving signature."""
    try:
        with hold_back():
            interpreter = Interpreter(
                model_path=str(path),
                experimental_preserve_all_tensors=True,
                experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            )
            interpreter.allocate_tensors()
        signatures = interpreter.get_signature_list()
    except (ValueError, RuntimeError) as error:
        raise InputError(f"{path} can't be opened by LiteRT ({one_line(error)}): export it again") from error
    if SERVING_SIGNATURE not in signatures:
        raise InputError(f"{path} lacks the signature {SERVING_SIGNATURE}: export it again")
    return TFLiteTensors(path, interpreter)


def _results(interpreter: Any) -> dict[str, int]:
    """What the operators compute, name → number, in their order; a name that occurs twice gets its number."""
    indices = [int(at) for operator in interpreter._get_ops_details() for at in operator["outputs"] if at >= 0]
    names = [interpreter._get_tensor_details(index, 0)["name"] for index in indices]
    often = Counter(names)
    return {name if often[name] == 1 else f"{name}#{at}": at for name, at in zip(names, indices, strict=True)}
