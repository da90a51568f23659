"""Which layer, or which operation between layers, a node of a traced graph comes from: recorded while it is traced.

Names are no help: those of operations between layers are not part of a node's, and TensorFlow renumbers the others.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from export.graph.tracing import trace_plainly

if TYPE_CHECKING:
    from export.model.serving import ServingModel


@dataclass(frozen=True, kw_only=True)
class Maker:
    """`title`: the layer or operation, in words. `hides_size`: whether a size of what it answers is not known before it
    runs, beside the batch's, so that what reads it can't be written."""

    title: str
    hides_size: bool


def find_maker(serving: ServingModel, path: str) -> Maker:
    """What made the node that a converter names by `path`; where sizes are missing that it needs, what lost them."""
    graph, titles = _trace(serving)
    name = _known_name(graph, path)
    if name is None:
        return Maker(title=f"the model (at {path})", hides_size=False)
    blamed = _first_without_size(graph.get_operation_by_name(name))
    return Maker(title=_title_of(blamed, titles), hides_size=blamed.name != name)


def find_hidden_size(serving: ServingModel) -> Maker | None:
    """What first answers with a size that is not known before it runs; None if all sizes are known."""
    graph, titles = _trace(serving)
    hiding = (node for node in graph.get_operations() if any(map(_lacks_size, node.outputs)))
    first = next(hiding, None)
    return None if first is None else Maker(title=_title_of(first, titles), hides_size=True)


def _trace(serving: ServingModel) -> tuple[Any, dict[str, str]]:
    """The graph of the served model, and for each of its nodes what made it."""
    titles: dict[str, str] = {}
    with _recording(serving.model, titles):
        return trace_plainly(serving).graph, titles


def _title_of(node: Any, titles: dict[str, str]) -> str:
    return titles.get(node.name, f"the model (at {node.name})")


@contextlib.contextmanager
def _recording(model: keras.Model, titles: dict[str, str]) -> Iterator[None]:
    """Note for each node of the graph that is traced meanwhile the innermost layer or operation that was called."""
    plain = keras.Operation.__call__

    def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
        graph = tf.compat.v1.get_default_graph()
        before = len(graph.get_operations())
        answer = plain(operation, *args, **kwargs)
        if operation is not model:
            # What was called inside has noted its own already.
            for node in graph.get_operations()[before:]:
                titles.setdefault(node.name, _title(operation))
        return answer

    keras.Operation.__call__ = call
    try:
        yield
    finally:
        keras.Operation.__call__ = plain


def _title(operation: Any) -> str:
    kind = "layer" if isinstance(operation, keras.layers.Layer) else "operation"
    return f"the {kind} {operation.name} ({type(operation).__name__})"


def _known_name(graph: Any, path: str) -> str | None:
    """The node itself, or the one that it was put in the place of or lies inside of; None if there is none.

    The scope of the model, with which all names begin, may be missing.
    """
    names = [node.name for node in graph.get_operations()]
    known = {name: name for name in names} | {name.partition("/")[2]: name for name in names if "/" in name}
    parts = path.split("/")
    prefixes = ("/".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((known[prefix] for prefix in prefixes if prefix in known), None)


def _first_without_size(node: Any) -> Any:
    """The node from which the sizes are missing that this one lacks; itself if it lacks none."""
    while True:
        sources = [tensor.op for tensor in node.inputs if _lacks_size(tensor)]
        if not sources:
            return node
        node = sources[0]


def _lacks_size(tensor: Any) -> bool:
    shape = tensor.shape
    return bool(tensor.dtype != tf.resource and (shape.rank is None or None in shape.as_list()[1:]))
