"""A frozen TensorFlow graph that can be asked and changed: who reads what, what is constant, what takes whose place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import op_def_registry


class FrozenGraph:
    """A frozen graph with its nodes by name, what is constant in it, and how many read each node."""

    def __init__(self, graph: Any, answers: Sequence[str]) -> None:
        self.graph = graph
        self.nodes = {node.name: node for node in graph.node}
        self.readers: Counter[str] = Counter()
        self._answers = [node_name(answer) for answer in answers]
        self._constants: dict[str, np.ndarray] = {}
        self._varying = self._find_varying()
        self.count_readers()

    def count_readers(self) -> None:
        """Count again what the answers need; nothing else has readers."""
        self.readers = Counter(self._answers)
        waiting, seen = list(self.readers), set(self.readers)
        while waiting:
            read = [node_name(tensor) for tensor in data_inputs(self.nodes[waiting.pop()])]
            self.readers.update(read)
            waiting += [name for name in dict.fromkeys(read) if name not in seen]
            seen.update(read)

    def has(self, node: Any) -> bool:
        """Whether the answers need the node, and it depends on the input."""
        return self.readers[node.name] > 0 and node.name in self._varying

    def is_answer(self, node: Any) -> bool:
        return node.name in self._answers

    def _find_varying(self) -> set[str]:
        """Names of the nodes whose answer is not the same at every call."""
        read_by: dict[str, list[str]] = {}
        for node in self.graph.node:
            for tensor in data_inputs(node):
                read_by.setdefault(node_name(tensor), []).append(node.name)
        waiting = [node.name for node in self.graph.node if node.op == "Placeholder" or _is_stateful(node)]
        found = set(waiting)
        while waiting:
            new = [name for name in read_by.get(waiting.pop(), []) if name not in found]
            found.update(new)
            waiting += new
        return found

    def source(self, node: Any, number: int) -> Any:
        """The node that the input comes from; None if it is not that node's first output."""
        tensor = data_inputs(node)[number]
        return None if tensor.partition(":")[2] not in ("", "0") else self.nodes[node_name(tensor)]

    def only_read_here(self, node: Any) -> bool:
        return self.readers[node.name] == 1

    def constant(self, node: Any) -> np.ndarray | None:
        """What the node answers whatever the input is; None if that depends on the input."""
        if node is None or node.name in self._varying:
            return None
        if node.name not in self._constants:
            if node.op == "Identity":
                return self.constant(self.source(node, 0))
            if node.op == "Const":
                self._constants[node.name] = tf.make_ndarray(node.attr["value"].tensor)
            else:
                self._evaluate_constants()
        return self._constants.get(node.name)

    def _evaluate_constants(self) -> None:
        """Compute all nodes at once that are read by what depends on the input and do not depend on it themselves."""
        part = tf.compat.v1.GraphDef(versions=self.graph.versions, library=self.graph.library)
        wanted: set[str] = set()
        for node in self.graph.node:
            if node.name in self._varying:
                wanted.update(node_name(tensor) for tensor in data_inputs(node))
                continue
            copy = part.node.add()
            copy.CopyFrom(node)
            copy.input[:] = data_inputs(node)
        names = sorted({self._behind_identities(name) for name in wanted - self._varying})
        names = [name for name in names if self.nodes[name].op not in ("Const", "NoOp")]
        function = tf.compat.v1.wrap_function(lambda: tf.graph_util.import_graph_def(part, name=""), [])
        tensors = [function.graph.get_tensor_by_name(f"{name}:0") for name in names]
        # Lists, which loops collect their steps in, are no numbers.
        tensors = [tensor for tensor in tensors if tensor.dtype != tf.variant]
        values = function.prune([], tensors)()
        self._constants |= {tensor.op.name: np.asarray(value) for tensor, value in zip(tensors, values, strict=True)}

    def _behind_identities(self, name: str) -> str:
        while self.nodes[name].op == "Identity":
            name = node_name(self.nodes[name].input[0])
        return name

    def add_constant(self, name: str, value: np.ndarray) -> str:
        """A new constant; its name, which is `name` with a number behind it if that is taken."""
        number, free = 0, name
        while free in self.nodes:
            number, free = number + 1, f"{name}_{number}"
        node = self.add_node(free, "Const")
        node.attr["dtype"].type = tf.as_dtype(value.dtype).as_datatype_enum
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
        return free

    def add_node(self, name: str, operator: str, *, varies: bool = False) -> Any:
        if varies:
            self._varying.add(name)
        node = self.graph.node.add()
        node.name, node.op = name, operator
        self.nodes[name] = node
        return node

    def replace(self, node: Any, tensor: str) -> None:
        """Let everybody who reads the node read the tensor instead."""
        for reader in self.graph.node:
            for at, read in enumerate(reader.input):
                if not read.startswith("^") and node_name(read) == node.name:
                    reader.input[at] = tensor


def data_inputs(node: Any) -> list[str]:
    """The tensors that the node reads, without those that it only waits for."""
    return [name for name in node.input if not name.startswith("^")]


def node_name(tensor: str) -> str:
    """The name of the node that gives the tensor."""
    return tensor.partition(":")[0]


def _is_stateful(node: Any) -> bool:
    definition = op_def_registry.get(node.op)
    return definition is None or definition.is_stateful
