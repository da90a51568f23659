"""The two functions by which a SavedModel saves and restores its variables: what TensorFlow writes, or an attack.

They are the only ones that may reach a file, and only the one whose name whoever calls them gives: every name of a file
in them has to be an expression of that argument, node by node as TensorFlow writes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_READING = frozenset({"Const", "DisableCopyOnRead", "Identity", "NoOp", "Pack", "ReadVariableOp", "Select"})
_SAVING = _READING | {"MergeV2Checkpoints", "SaveV2", "ShardedFilename", "StaticRegexFullMatch", "StringJoin"}
_RESTORING = frozenset({"AssignVariableOp", "Const", "Identity", "NoOp", "RestoreV2"})

_PREFIX = ("argument", 0)
# Where the parts of a checkpoint go: on a cloud's disk, which can't rename, to a folder of their own.
_PART = ("Select", ("StaticRegexFullMatch", _PREFIX), ("Const", [b".part"]), ("Const", [b"_temp/part"]))
_FILE = ("ShardedFilename", ("StringJoin", _PREFIX, _PART), ("Const", [0]), ("Const", [1]))

_FILE_NAMES = {
    "SaveV2": ((0, _FILE),),
    "MergeV2Checkpoints": ((0, ("Pack", _FILE)), (1, _PREFIX)),
    "RestoreV2": ((0, _PREFIX),),
}
"""Operator that reaches a file → (the number of its input, what that has to be)."""


def saver_flaws(function: Any, *, saves: bool) -> Iterator[str]:
    """What in a FunctionDef is not as TensorFlow writes it to save variables, or else to restore them."""
    title = f"the function that {'saves' if saves else 'restores'} its variables"
    reader = _ExpressionReader(function)
    for node in function.node_def:
        if node.op not in (_SAVING if saves else _RESTORING):
            yield f"{title} uses {node.op}"
        for number, expected in _FILE_NAMES.get(node.op, ()):
            if number >= len(node.input) or reader.expression(node.input[number]) != expected:
                yield f"{title} reaches a file of another name than it is given ({node.op})"


class _ExpressionReader:
    """Reads a tensor of a function as an expression of its arguments and constants; a loop ends as an expression of
    nothing."""

    def __init__(self, function: Any) -> None:
        self._nodes = {node.name: node for node in function.node_def}
        self._arguments = {argument.name: number for number, argument in enumerate(function.signature.input_arg)}

    def expression(self, tensor: str, *, depth: int = 0) -> Any:
        name = tensor.partition(":")[0]
        if name in self._arguments:
            return ("argument", self._arguments[name])
        node = self._nodes.get(name)
        if node is None or depth > len(_FILE) + len(_PART):
            return None
        if node.op == "Const":
            return ("Const", _numbers(node.attr["value"].tensor))
        inputs = [one for one in node.input if not one.startswith("^")]
        return (node.op, *(self.expression(one, depth=depth + 1) for one in inputs))


def _numbers(tensor: Any) -> list[Any]:
    """A TensorProto's texts or whole numbers."""
    return list(tensor.string_val) or list(tensor.int_val)
