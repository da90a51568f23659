"""What a SavedModel is made of: TensorFlow's operators, none of which draws random numbers for an answer."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from google.protobuf import message
from tensorflow.core.protobuf import saved_model_pb2

from export.artifact import SERVING_SIGNATURE
from export.errors import InputError
from export.formats.saved_model.program import unsafe_parts
from export.formats.structure import Structure

_CHANCE = (
    *("Random", "Multinomial", "Shuffle", "Distorted", "CandidateSampler", "RngReadAndSkip"),
    *("TruncatedNormal", "StatefulStandardNormal", "StatefulUniform"),
)
"""Words in the names of operators that draw numbers."""


def read(path: Path) -> Structure:
    """The structure of what `serving_default` computes. Raises InputError for a folder of another kind."""
    saved = saved_model_pb2.SavedModel()
    try:
        saved.ParseFromString((path / "saved_model.pb").read_bytes())
        graph = saved.meta_graphs[0].graph_def
        signatures = saved.meta_graphs[0].signature_def
    except (OSError, message.DecodeError, IndexError) as error:
        raise InputError(f"{path} can't be read as a SavedModel ({error}): export it again") from error
    # Asked for by name, a signature that is not there would come into being, empty.
    if SERVING_SIGNATURE not in signatures:
        raise InputError(f"{path} lacks the signature {SERVING_SIGNATURE}: export it again")
    signature = signatures[SERVING_SIGNATURE]
    operators = Counter(_OperatorFinder(graph).operators([tensor.name for tensor in signature.outputs.values()]))
    faults = [f"it draws random numbers ({name})" for name in sorted(operators) if _is_random(name)]
    return Structure(
        operators=operators,
        faults=tuple(faults),
        versions={"producer": graph.versions.producer},
        unsafe=tuple(unsafe_parts(path, saved)),
    )


class _OperatorFinder:
    """Finds the operators that answers depend on: functions may compute more than anybody reads."""

    def __init__(self, graph: Any) -> None:
        self._nodes = {node.name: node for node in graph.node}
        self._functions = {function.signature.name: function for function in graph.library.function}

    def operators(self, tensors: list[str]) -> list[str]:
        return self._list_needed(self._nodes, tensors, frozenset())

    def _list_needed(self, nodes: dict[str, Any], tensors: list[str], entered: frozenset[str]) -> list[str]:
        """`entered`: functions that are being looked into."""
        found, seen, waiting = [], set(), [tensor.partition(":")[0] for tensor in tensors]
        while waiting:
            name = waiting.pop()
            # A function's own arguments are no nodes.
            if name in seen or name not in nodes:
                continue
            seen.add(name)
            node = nodes[name]
            waiting += [read.partition(":")[0] for read in node.input if not read.startswith("^")]
            # One function each of calls, loops and conditions; a list of a choice among several.
            called = [value.func.name for value in node.attr.values() if value.HasField("func")]
            called += [function.name for value in node.attr.values() for function in value.list.func]
            inner = [self._functions[one] for one in called if one in self._functions and one not in entered]
            if not inner:
                found.append(node.op)
            for function in inner:
                body = {part.name: part for part in function.node_def}
                found += self._list_needed(body, list(function.ret.values()), entered | {function.signature.name})
        return found


def _is_random(name: str) -> bool:
    return any(word in name for word in _CHANCE)


def find_invalid(path: Path) -> list[str]:
    """What the format's own package says against the file: there is no such check beside loading it."""
    return []
