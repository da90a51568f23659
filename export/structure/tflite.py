"""What a TFLite file is made of: builtin operators, none of them random, and no data in other files."""

from __future__ import annotations

import math
import struct
from collections import Counter
from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from export.errors import InputError
from export.structure import Structure

RANDOM = frozenset({"MULTINOMIAL", "RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM"})
SCHEMA_VERSION = 3
_BUILTIN = {code: name for name, code in vars(schema.BuiltinOperator).items() if name.isupper() and name != "CUSTOM"}


_KINDS = schema.TensorType
_BITS = {_KINDS.FLOAT32: 32, _KINDS.FLOAT16: 16, _KINDS.INT8: 8, _KINDS.UINT8: 8, _KINDS.INT4: 8}
"""Two numbers of 4 bits share a byte."""


def read(path: Path) -> Structure:
    """The structure. Raises InputError for a file of another kind."""
    content = path.read_bytes()
    try:
        if not schema.Model.ModelBufferHasIdentifier(content, 0):
            raise InputError(f"{path} is not a TFLite file (it lacks the mark TFL3): export it again")
        model = schema.Model.GetRootAs(content, 0)
        codes = [model.OperatorCodes(at) for at in range(model.OperatorCodesLength())]
        graphs = [model.Subgraphs(at) for at in range(model.SubgraphsLength())]
        used = [graph.Operators(at).OpcodeIndex() for graph in graphs for at in range(graph.OperatorsLength())]
        buffers = [model.Buffers(at) for at in range(model.BuffersLength())]
        # 0 and 1 stand for data in the usual place.
        outside = any(buffer.Offset() > 1 for buffer in buffers) or model.ExternalBuffersLength() > 0
        names = Counter(_name(codes[at]) for at in used)
        custom = {_name(codes[at]) for at in used if _number(codes[at]) not in _BUILTIN}
        version = model.Version()
        bits = frozenset(_BITS.get(tensor.Type(), 0) for graph in graphs for tensor in _weights(model, graph)) - {0}
    except (struct.error, IndexError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is not a TFLite file ({error}): export it again") from error
    faults = [f"it uses the custom operator {name}" for name in sorted(custom)]
    faults += [f"it draws random numbers ({name})" for name in sorted(RANDOM & set(names))]
    if outside:
        faults.append("some of its weights lie outside of its graph")
    if version != SCHEMA_VERSION:
        faults.append(f"its schema has version {version} but must have {SCHEMA_VERSION}")
    return Structure(operators=names, faults=tuple(faults), versions={"schema": version}, weight_bits=bits)


def _weights(model: Any, graph: Any) -> list[Any]:
    """The tensors of more than one number whose numbers are stored."""
    tensors = [graph.Tensors(at) for at in range(graph.TensorsLength())]
    stored = [tensor for tensor in tensors if model.Buffers(tensor.Buffer()).DataLength() > 0]
    return [tensor for tensor in stored if math.prod(map(tensor.Shape, range(tensor.ShapeLength()))) > 1]


def _name(code: schema.OperatorCode) -> str:
    number = _number(code)
    return _BUILTIN[number] if number in _BUILTIN else (code.CustomCode() or str(number).encode()).decode()


def _number(code: schema.OperatorCode) -> int:
    # Old readers knew 127 operators; the larger of the two numbers counts.
    return max(int(code.BuiltinCode()), int(code.DeprecatedBuiltinCode()))
