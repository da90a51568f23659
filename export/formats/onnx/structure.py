"""What an ONNX file is made of: standard operators, none of them random, and no data in other files."""

from __future__ import annotations

import importlib.util
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from export.artifact import ONNX_IR_VERSION
from export.errors import InputError
from export.formats.onnx.loops import MOST_ROUNDS, has_endless_loop
from export.formats.onnx.messages import all_graphs, all_nodes, all_tensors, read_onnx
from export.formats.onnx.operators import OPERATORS
from export.formats.structure import Structure

STANDARD_DOMAINS = ("", "ai.onnx")
RANDOM = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
)
_EXTERNAL = 1
_PACKED = 2
"""So many numbers, at 4 bits each, share a byte."""
_MOST_AXES, _ENDLESS = 64, 1 << 62
_BITS = {1: 32, 10: 16}
"""TensorProto.FLOAT and FLOAT16."""
_BYTES = (2, 3)
"""TensorProto.UINT8 and INT8."""


def read(path: Path) -> Structure:
    """The structure. Raises InputError for a file of another kind."""
    model = read_onnx(path)
    nodes = list(all_nodes(model.graph))
    random = sorted({node.op_type for node in nodes if node.op_type in RANDOM})
    # The third input of Dropout says whether it drops: left out, it does not.
    if any(node.op_type == "Dropout" and len(node.input) > 2 and node.input[2] for node in nodes):
        random.append("Dropout in training mode")
    opset = next((stamp.version for stamp in model.opset_import if stamp.domain in STANDARD_DOMAINS), 0)
    faults = [f"it draws random numbers ({name})" for name in random]
    if model.ir_version != ONNX_IR_VERSION:
        faults.append(f"it is stamped with IR {model.ir_version} but must have {ONNX_IR_VERSION}")
    return Structure(
        operators=Counter(node.op_type for node in nodes),
        faults=tuple(faults),
        versions={"opset": opset, "ir": model.ir_version},
        weight_bits=_weight_bits(nodes, all_graphs(model.graph)),
        unsafe=tuple(_unsafe_parts(model, path.stat().st_size)),
    )


def _unsafe_parts(model: Any, size_bytes: int) -> Iterator[str]:
    nodes, tensors = list(all_nodes(model.graph)), list(all_tensors(model.graph))
    for vendor in sorted({node.domain for node in nodes} - {*STANDARD_DOMAINS}):
        yield f"it uses operators of {vendor}"
    unknown = sorted({node.op_type for node in nodes if node.domain in STANDARD_DOMAINS} - OPERATORS)
    if unknown:
        yield f"it uses operators that may do more than compute ({', '.join(unknown)})"
    if any(tensor.data_location == _EXTERNAL or tensor.external_data for tensor in tensors):
        yield "some of its weights lie in another file"
    if any(_size(tensor) > _PACKED * size_bytes for tensor in tensors):
        yield "it declares more numbers than it holds"
    if model.functions:
        yield "it brings functions of its own"
    if model.training_info:
        yield "it brings a training of its own"
    if has_endless_loop(model.graph):
        yield f"it has a loop that may go round more than {MOST_ROUNDS} times: give the loop maximum_iterations"


def _weight_bits(nodes: Iterable[Any], graphs: Iterable[Any]) -> frozenset[int]:
    """Of an 8-bit type are weights, which are scaled when they are read, and other numbers, such as zero points."""
    scaled = {node.input[0] for node in nodes if node.op_type == "DequantizeLinear"}
    weights = [tensor for graph in graphs for tensor in graph.initializer if _size(tensor) > 1]
    found = {_BITS[tensor.data_type] for tensor in weights if tensor.data_type in _BITS}
    return frozenset(found | {8 for tensor in weights if tensor.data_type in _BYTES and tensor.name in scaled})


def _size(tensor: Any) -> float:
    """How many numbers a TensorProto declares; infinitely many by sizes that can't be."""
    if len(tensor.dims) > _MOST_AXES or any(size < 0 for size in tensor.dims):
        return math.inf
    return float(min(math.prod(tensor.dims), _ENDLESS))


def find_invalid(path: Path) -> list[str]:
    """What the onnx package says against the file, where it is installed. Raises InputError if it can't read it."""
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
