"""What a TFLite file is made of: builtin operators, none of them random, and no data in other files."""

from __future__ import annotations

import struct
from collections import Counter
from pathlib import Path

from ai_edge_litert import schema_py_generated as schema

from export.errors import InputError
from export.structure import Structure

RANDOM = frozenset({"MULTINOMIAL", "RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM"})
SCHEMA_VERSION = 3
_BUILTIN = {code: name for name, code in vars(schema.BuiltinOperator).items() if name.isupper() and name != "CUSTOM"}


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
    except (struct.error, IndexError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is not a TFLite file ({error}): export it again") from error
    faults = [f"it uses the custom operator {name}" for name in sorted(custom)]
    faults += [f"it draws random numbers ({name})" for name in sorted(RANDOM & set(names))]
    if outside:
        faults.append("some of its weights lie outside of its graph")
    if version != SCHEMA_VERSION:
        faults.append(f"its schema has version {version} but must have {SCHEMA_VERSION}")
    return Structure(operators=names, faults=tuple(faults), versions={"schema": version})


def _name(code: schema.OperatorCode) -> str:
    number = _number(code)
    return _BUILTIN[number] if number in _BUILTIN else (code.CustomCode() or str(number).encode()).decode()


def _number(code: schema.OperatorCode) -> int:
    # Old readers knew 127 operators; the larger of the two numbers counts.
    return max(int(code.BuiltinCode()), int(code.DeprecatedBuiltinCode()))
