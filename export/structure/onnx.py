"""What an ONNX file is made of: standard operators, none of them random, and no data in other files."""

from __future__ import annotations

import importlib.util
import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from export.artifact import ONNX_IR_VERSION
from export.errors import InputError
from export.onnx_messages import all_nodes, read_onnx
from export.structure import Structure

STANDARD_DOMAINS = ("", "ai.onnx")
RANDOM = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
)
_EXTERNAL = 1
_BITS = {1: 32, 10: 16}
"""TensorProto.FLOAT and FLOAT16."""
_BYTES = (2, 3)
"""TensorProto.UINT8 and INT8."""


def read(path: Path) -> Structure:
    """The structure, checked by the onnx package too where that is installed. Raises InputError for a file of another
    kind."""
    model = read_onnx(path)
    nodes = list(all_nodes(model.graph))
    attributes = [attribute for node in nodes for attribute in node.attribute]
    graphs = [model.graph, *(inner for one in attributes for inner in (one.g, *one.graphs))]
    tensors = [*(tensor for graph in graphs for tensor in graph.initializer), *(one.t for one in attributes)]
    vendors = sorted({node.domain for node in nodes} - {*STANDARD_DOMAINS})
    random = sorted({node.op_type for node in nodes if node.op_type in RANDOM})
    # The third input of Dropout says whether it drops: left out, it does not.
    if any(node.op_type == "Dropout" and len(node.input) > 2 and node.input[2] for node in nodes):
        random.append("Dropout in training mode")
    opset = next((stamp.version for stamp in model.opset_import if stamp.domain in STANDARD_DOMAINS), 0)
    faults = [f"it uses operators of {vendor}" for vendor in vendors]
    faults += [f"it draws random numbers ({name})" for name in random]
    if any(tensor.data_location == _EXTERNAL for tensor in tensors):
        faults.append("some of its weights lie in another file")
    if model.functions:
        faults.append("it brings functions of its own")
    if model.ir_version != ONNX_IR_VERSION:
        faults.append(f"it is stamped with IR {model.ir_version} but must have {ONNX_IR_VERSION}")
    return Structure(
        operators=Counter(node.op_type for node in nodes),
        faults=(*faults, *_found_by_checker(path)),
        versions={"opset": opset, "ir": model.ir_version},
        weight_bits=_weight_bits(nodes, graphs),
    )


def _weight_bits(nodes: Iterable[Any], graphs: Iterable[Any]) -> frozenset[int]:
    """Of an 8-bit type are weights, which are scaled when they are read, and other numbers, such as zero points."""
    scaled = {node.input[0] for node in nodes if node.op_type == "DequantizeLinear"}
    weights = [tensor for graph in graphs for tensor in graph.initializer if math.prod(tensor.dims) > 1]
    found = {_BITS[tensor.data_type] for tensor in weights if tensor.data_type in _BITS}
    return frozenset(found | {8 for tensor in weights if tensor.data_type in _BYTES and tensor.name in scaled})


def _found_by_checker(path: Path) -> list[str]:
    """What the onnx package says against the file, where it is installed."""
    if importlib.util.find_spec("onnx") is None:
        return []
    import onnx

    try:
        onnx.checker.check_model(onnx.load(path, load_external_data=False), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        return [f"it is not valid ONNX: {' '.join(str(error).split())[:300]}"]
    # The package reads what protobuf alone reads; what it can't was refused above.
    except ValueError as error:
        raise InputError(f"{path} can't be read by the onnx package ({error}): export it again") from error
    return []
