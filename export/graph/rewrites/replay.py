"""Rebuild a frozen graph, node by node, with some operators replaced and sizes that are known as constants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.function_def_to_graph import function_def_to_graph_def

from export.graph.rewrites.sizes import fix_size, fix_target

Rewrite = Callable[[Any, Sequence[Any]], Sequence[Any] | None]
"""(the operator's NodeDef, its input tensors) → its output tensors; None where it does not fit."""


CALLS = frozenset({"StatefulPartitionedCall", "PartitionedCall"})
"""Calls of functions, whose contents take their place. Those that freezing leaves are marked to be compiled: Keras puts
grouped convolutions in them, as TensorFlow can't run these on the CPU otherwise, and no converter looks inside."""


def operators(graph: Any) -> set[str]:
    """Names of all operators in the GraphDef and in the functions that it calls."""
    bodies = [node for function in graph.library.function for node in function.node_def]
    return {node.op for node in (*graph.node, *bodies)}


def rebuild(function: Any, frozen: Any, graph: Any, rewrites: Mapping[str, Rewrite]) -> Any:
    """The concrete function rebuilt, with the same names, from `graph`, its frozen graph, which may have been changed.

    `frozen`: the concrete function that freezing made of it.
    """
    sources = [tensor.op.name for tensor in frozen.inputs]
    answers = [tensor.name for tensor in frozen.outputs]
    names = [tensor.op.name for tensor in function.inputs[: len(sources)]]
    signature = [
        tf.TensorSpec(tensor.shape, tensor.dtype, name=name) for tensor, name in zip(frozen.inputs, names, strict=True)
    ]

    def answer(*inputs: Any) -> Any:
        outputs = replay(graph, dict(zip(sources, inputs, strict=True)), answers, rewrites)
        return tf.nest.pack_sequence_as(function.structured_outputs, outputs)

    return tf.function(answer, input_signature=signature, autograph=False).get_concrete_function()


def replay(graph: Any, feeds: Mapping[str, Any], answers: Sequence[str], rewrites: Mapping[str, Rewrite]) -> list[Any]:
    """Build what `answers`, tensor names, need from `feeds`, placeholder name → tensor, in the current graph.

    Nodes keep their names, by which a refusal finds the layer. Needs a graph of constants without cycles, as freezing
    without lowering the control flow leaves it. What only has side effects is left out.
    """
    if graph.library.function:
        # Loops, which stay as they are, find their bodies in the graph that is being built.
        tf.graph_util.import_graph_def(tf.compat.v1.GraphDef(library=graph.library, versions=graph.versions), name="")
    return _rebuild(graph, feeds, answers, rewrites)


def _rebuild(
    graph: Any, feeds: Mapping[str, Any], answers: Sequence[str], rewrites: Mapping[str, Rewrite]
) -> list[Any]:
    current = tf.compat.v1.get_default_graph()
    functions = {function.signature.name: function for function in graph.library.function}
    built: dict[str, Sequence[Any]] = {name: [tensor] for name, tensor in feeds.items()}
    nodes = {node.name: node for node in graph.node}
    for node in _in_order(nodes, [_split(answer)[0] for answer in answers], built):
        inputs = [built[name][at] for name, at in map(_split, _data_inputs(node))]
        outputs: Sequence[Any] | None = None
        with tf.name_scope(f"{node.name}/"):
            if node.op == "Reshape":
                inputs = fix_target(inputs)
            if node.op in CALLS:
                outputs = _contents(functions[node.attr["f"].func.name], inputs, graph, rewrites)
            elif node.op in rewrites:
                outputs = rewrites[node.op](node, inputs)
        if outputs is None:
            outputs = current.create_op(node.op, inputs, name=node.name, attrs=dict(node.attr)).outputs
        with tf.name_scope(f"{node.name}/"):
            built[node.name] = [fix_size(tensor) for tensor in outputs]
    return [built[name][at] for name, at in map(_split, answers)]


def _contents(function: Any, inputs: Sequence[Any], graph: Any, rewrites: Mapping[str, Rewrite]) -> list[Any]:
    """What a call of the function answers."""
    shapes = [tensor.shape.as_proto() for tensor in inputs]
    body, names = function_def_to_graph_def(function, input_shapes=shapes)
    body.library.CopyFrom(graph.library)
    feeds = {argument.name: value for argument, value in zip(function.signature.input_arg, inputs, strict=True)}
    answers = [names[function.ret[argument.name]] for argument in function.signature.output_arg]
    return _rebuild(body, feeds, answers, rewrites)


def _in_order(nodes: Mapping[str, Any], wanted: Sequence[str], known: Mapping[str, Any]) -> list[Any]:
    """The nodes that `wanted` needs, each behind its inputs; by a stack, because graphs are deeper than Python's."""
    ordered: dict[str, Any] = {}
    waiting = list(reversed(wanted))
    while waiting:
        name = waiting[-1]
        missing = [] if name in known or name in ordered else _missing(nodes[name], known, ordered)
        if missing:
            waiting += missing
            continue
        waiting.pop()
        if name not in known and name not in ordered:
            ordered[name] = nodes[name]
    return list(ordered.values())


def _missing(node: Any, known: Mapping[str, Any], ordered: Mapping[str, Any]) -> list[str]:
    names = [_split(tensor)[0] for tensor in _data_inputs(node)]
    return [name for name in names if name not in known and name not in ordered]


def _data_inputs(node: Any) -> list[str]:
    return [name for name in node.input if not name.startswith("^")]


def _split(tensor: str) -> tuple[str, int]:
    name, _, at = tensor.partition(":")
    return name, int(at or 0)
