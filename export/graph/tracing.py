"""Trace the serving function for a converter: nothing in it writes, and no loop is left in recurrent layers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from export.graph.folding import fold_graph
from export.graph.rewrites.replay import rebuild
from export.graph.rewriting import Rewriting, rewrite

if TYPE_CHECKING:
    from export.model.serving import ServingModel


def trace(serving: ServingModel, rewriting: Rewriting) -> Any:
    """The concrete function from which a format is converted: `serving.serve` in operators that the format has."""
    return _with_folds(rewrite(trace_plainly(serving), rewriting))


def trace_plainly(serving: ServingModel) -> Any:
    """The concrete function of `serving.serve` in the operators that Keras and the user's own code use."""

    def answer(*inputs: Any) -> Any:
        # Some random layers draw numbers even where they are not to be used. The state that this writes would keep
        # its variable from becoming a constant.
        with keras.StatelessScope():
            return serving.serve(*inputs)

    with unroll(serving.model):
        return tf.function(answer, input_signature=serving.signature).get_concrete_function()


def _with_folds(function: Any) -> Any:
    frozen = convert_variables_to_constants_v2(function, lower_control_flow=False)
    graph = frozen.graph.as_graph_def()
    if not fold_graph(graph, [tensor.name for tensor in frozen.outputs]):
        return function
    return rebuild(function, frozen, graph, {})


@contextlib.contextmanager
def unroll(model: keras.Model) -> Iterator[None]:
    """Let recurrent layers write out their steps instead of looping.

    Neither converter writes the lists that such a loop collects its steps in. The number of steps is known, as images
    have one size.
    """
    loops = [layer for layer in model._flatten_layers() if getattr(layer, "unroll", None) is False]
    for layer in loops:
        layer.unroll = True
    try:
        yield
    finally:
        for layer in loops:
            layer.unroll = False
