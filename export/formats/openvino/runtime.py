"""OpenVINO folder → Backend, with openvino alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from export.arrays import Arrays
from export.artifact import TensorSpec
from export.errors import InputError
from export.formats.openvino.ir_file import read_ir
from export.formats.openvino.quiet import openvino
from export.formats.openvino.structure import judge
from export.formats.runtime import one_line

EXACTLY = {"EXECUTION_MODE_HINT": "ACCURACY"}
"""Computes in float32 whatever the processor would like; the ring `isolation` opens files without it."""


class OpenVinoModel:
    """A compiled model behind the common call. It must not be asked a batch of 0, which spoils it for all others."""

    def __init__(self, compiled: Any, outputs: int) -> None:
        self._request = compiled.create_infer_request()
        self.inputs = tuple(map(tensor_spec, compiled.inputs))
        self.outputs = tuple(map(tensor_spec, compiled.outputs[:outputs]))

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        try:
            for name, array in inputs.items():
                # What `infer` takes it would also cast to the type that it wants.
                self._request.set_tensor(name, openvino.Tensor(np.ascontiguousarray(array)))
            self._request.infer()
            return {spec.name: self._request.get_tensor(spec.name).data.copy() for spec in self.outputs}
        except RuntimeError as error:
            raise ValueError(f"OpenVINO can't run the file ({one_line(error)})") from error


def load(path: Path, threads: int | None, optimized: bool) -> OpenVinoModel:  # noqa: FBT001
    """Open the folder. Raises InputError if it is not safe to be opened or OpenVINO refuses it."""
    model = read_model(path)
    outputs = len(model.outputs)
    if not optimized:
        # What is an output is not joined with what comes behind it.
        model.add_outputs([name for name in tensor_names(model) if name not in _answers(model)])
    options = EXACTLY if threads is None else {**EXACTLY, "INFERENCE_NUM_THREADS": threads}
    try:
        return OpenVinoModel(openvino.Core().compile_model(model, "CPU", options), outputs)
    except RuntimeError as error:
        raise InputError(f"{path} can't be opened by OpenVINO ({one_line(error)}): export it again") from error


def read_model(path: Path) -> Any:
    """The graph, of bytes that were judged. Raises InputError likewise."""
    ir = read_ir(path)
    unsafe = judge(path, ir).unsafe
    if unsafe:
        raise InputError(f"{path} is not opened: {'; '.join(unsafe)}: export it again")
    # From memory: a file that is cut off while it is mapped ends the process.
    constants = openvino.Tensor(np.frombuffer(ir.constants, np.uint8).copy())
    try:
        return openvino.Core().read_model(ir.graph, constants)
    except RuntimeError as error:
        raise InputError(f"{path} can't be opened by OpenVINO ({one_line(error)}): export it again") from error


def tensor_names(model: Any) -> list[str]:
    """The first name of each float tensor that an operator computes, in the order in which they are computed."""
    made = [op for op in model.get_ordered_ops() if op.get_type_name() not in ("Constant", "Parameter", "Result")]
    outputs = [output for op in made for output in op.outputs() if output.get_element_type().is_real()]
    return list(dict.fromkeys(min(output.get_names()) for output in outputs if output.get_names()))


def tensor_spec(port: Any) -> TensorSpec:
    """Name, dtype and shape of an input or output."""
    sizes = port.get_partial_shape()
    return TensorSpec(
        name=port.get_any_name(),
        dtype=np.dtype(port.get_element_type().to_dtype()).name,
        shape=tuple(int(size.get_length()) if size.is_static else None for size in sizes),
    )


def _answers(model: Any) -> set[str]:
    return {name for port in model.outputs for name in port.get_names()}
