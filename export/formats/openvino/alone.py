"""OpenVINO where only numpy and openvino can be imported: nothing of this project can, and nothing of it is here.

The file is loaded plainly, as its users do: nothing is said of the numbers to compute with.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any, cast

for _name in ("openvino_telemetry", "openvino.tools.ovc"):
    cast("dict[str, Any]", sys.modules)[_name] = None


def answer(path: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """The file's answers by name, with one thread."""
    openvino = importlib.import_module("openvino")
    model = openvino.Core().compile_model(f"{path}/model.xml", "CPU", {"INFERENCE_NUM_THREADS": 1})
    request = model.create_infer_request()
    for name, array in inputs.items():
        request.set_tensor(name, openvino.Tensor(array))
    request.infer()
    return {port.get_any_name(): request.get_tensor(port).data.copy() for port in model.outputs}
