"""What a TFLite file is made of: builtin operators, none of them random, and no data in other files."""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from export.errors import InputError
from export.formats.structure import Structure
from export.formats.tflite.operators import OPERATORS

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
        return _read(schema.Model.GetRootAs(content, 0), _Bounded(len(content)))
    except (struct.error, IndexError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is not a TFLite file ({error}): export it again") from error


class _Bounded:
    """Reads vectors of a file that may declare any length, and several times the same one: no more elements in all than
    the file has bytes."""

    def __init__(self, size_bytes: int) -> None:
        self._left = size_bytes

    def __call__(self, length: int, get: Callable[[int], Any]) -> list[Any]:
        self._left -= length
        if self._left < 0:
            raise ValueError("it declares more than it holds")
        return [get(at) for at in range(length)]


def _read(model: Any, read_all: _Bounded) -> Structure:
    codes = read_all(model.OperatorCodesLength(), model.OperatorCodes)
    graphs = read_all(model.SubgraphsLength(), model.Subgraphs)
    used = [one.OpcodeIndex() for graph in graphs for one in read_all(graph.OperatorsLength(), graph.Operators)]
    buffers = read_all(model.BuffersLength(), model.Buffers)
    names = Counter(_name(codes[at]) for at in used)
    faults = [f"it draws random numbers ({name})" for name in sorted(RANDOM & set(names))]
    version = model.Version()
    if version != SCHEMA_VERSION:
        faults.append(f"its schema has version {version} but must have {SCHEMA_VERSION}")
    unsafe = []
    custom = sorted({_name(code) for code in codes if _number(code) not in _BUILTIN})
    unsafe += [f"it uses the custom operator {name}" for name in custom]
    unknown = sorted({_name(code) for code in codes} - OPERATORS - set(custom))
    if unknown:
        unsafe.append(f"it uses operators that may do more than compute ({', '.join(unknown)})")
    # 0 and 1 stand for data in the usual place.
    if any(buffer.Offset() > 1 for buffer in buffers) or model.ExternalBuffersLength() > 0:
        unsafe.append("some of its weights lie outside of its graph")
    stored = {at for at, buffer in enumerate(buffers) if buffer.DataLength() > 0}
    weights = [
        tensor
        for graph in graphs
        for tensor in read_all(graph.TensorsLength(), graph.Tensors)
        if tensor.Buffer() in stored and math.prod(read_all(tensor.ShapeLength(), tensor.Shape)) > 1
    ]
    return Structure(
        operators=names,
        faults=tuple(faults),
        versions={"schema": version},
        weight_bits=frozenset(_BITS.get(tensor.Type(), 0) for tensor in weights) - {0},
        unsafe=tuple(unsafe),
    )


def _name(code: schema.OperatorCode) -> str:
    number = _number(code)
    return _BUILTIN[number] if number in _BUILTIN else (code.CustomCode() or str(number).encode()).decode()


def _number(code: schema.OperatorCode) -> int:
    # Old readers knew 127 operators; the larger of the two numbers counts.
    return max(int(code.BuiltinCode()), int(code.DeprecatedBuiltinCode()))


def find_invalid(path: Path) -> list[str]:
    """What the format's own package says against the file: there is no such check beside loading it."""
    return []
