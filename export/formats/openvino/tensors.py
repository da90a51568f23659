"""OpenVINO folder → its intermediate tensors, with openvino alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from export.arrays import Arrays
from export.errors import InputError
from export.formats.openvino.quiet import openvino
from export.formats.openvino.runtime import EXACTLY, read_model, tensor_names, tensor_spec
from export.formats.runtime import check_inputs, one_line


class OpenVinoTensors:
    """A compiled model in which every tensor with a name is an output."""

    def __init__(self, path: Path, compiled: Any, names: list[str]) -> None:
        self._path = path
        self._request = compiled.create_infer_request()
        self._inputs = tuple(map(tensor_spec, compiled.inputs))
        self._names = names

    def read(self, inputs: Arrays) -> dict[str, np.ndarray]:
        try:
            check_inputs(inputs, self._inputs)
            for name, array in inputs.items():
                self._request.set_tensor(name, openvino.Tensor(np.ascontiguousarray(array)))
            self._request.infer()
            return {name: self._request.get_tensor(name).data.astype(np.float32) for name in self._names}
        except (ValueError, RuntimeError) as error:
            raise InputError(
                f"{self._path} does not answer the recorded inputs ({one_line(error)}): it is another model's file, or "
                "damaged"
            ) from error


def open_tensors(path: Path) -> OpenVinoTensors:
    """Open the folder. Raises InputError if it is not safe to be opened or OpenVINO refuses it."""
    model = read_model(path)
    names = tensor_names(model)
    present = {name for port in model.outputs for name in port.get_names()}
    try:
        model.add_outputs([name for name in names if name not in present])
        compiled = openvino.Core().compile_model(model, "CPU", EXACTLY)
    except RuntimeError as error:
        raise InputError(f"{path} can't be opened by OpenVINO ({one_line(error)}): export it again") from error
    return OpenVinoTensors(path, compiled, names)
