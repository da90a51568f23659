"""What a model costs to run, as far as its graph shows: multiply-accumulates for one example.

Counted on the traced graph and not by kinds of layers, so that layers of a user's own count too. TensorFlow's own
profiler prints, and neither multiplies the body of a loop by its rounds nor leaves out what no output needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf


class _UncountableError(Exception):
    """A shape or a number of rounds that only running the model would show."""


def count_macs(model: keras.Model, *, examples: Any = None) -> int | None:
    """Multiply-accumulates of the convolutions and matrix products for one example; None where the graph hides them.

    `model`: built. `examples`: a nest of arrays (number, …) as the model takes them, for a model that does not declare
    its inputs. Traces the model as it infers and runs nothing: about as long as the first call of a model takes. An
    input of any size, a loop of unknown length, a subclassed model without `examples` and one that can't take a batch
    of one give None. Of branches the most expensive counts; cheap operations (bias, activations, pooling) do not.
    """
    declared = _declared_inputs(model) if examples is None else examples
    if declared is None:
        return None
    signature = keras.tree.map_structure(lambda each: tf.TensorSpec((1, *each.shape[1:]), each.dtype), declared)
    traced = tf.function(lambda inputs: model(inputs, training=False), autograph=False)
    try:
        with _without_fused_recurrence(model):
            graph = traced.get_concrete_function(signature).graph
    # A model's own code may fail in any way on a batch of one, and trains all the same on its own batches.
    except Exception:  # noqa: BLE001
        return None
    try:
        return _in_graph(graph)
    except _UncountableError:
        return None


def _declared_inputs(model: keras.Model) -> Any:
    if isinstance(model, keras.Sequential):
        return model.inputs[0] if model.inputs else None
    # Of a subclassed model it is no attribute: how it is called is not written down.
    return model.input if getattr(model, "inputs", None) else None


@contextmanager
def _without_fused_recurrence(model: keras.Model) -> Iterator[None]:
    """On a GPU, an LSTM or GRU is a single opaque operation unless configured otherwise."""
    layers = [layer for layer in model._flatten_layers() if hasattr(layer, "use_cudnn")]
    before = [layer.use_cudnn for layer in layers]
    try:
        for layer in layers:
            layer.use_cudnn = False
        yield
    finally:
        for layer, asked in zip(layers, before, strict=True):
            layer.use_cudnn = asked


def _in_graph(graph: Any) -> int:
    """Of all operations that an output needs: layers also trace steps that nothing uses, just to see their shapes."""
    waiting = [tensor.op for tensor in graph.outputs]
    seen, total = set(), 0
    while waiting:
        operation = waiting.pop()
        if operation.name in seen:
            continue
        seen.add(operation.name)
        total += _COUNTS[operation.type](operation) if operation.type in _COUNTS else 0
        waiting += [tensor.op for tensor in operation.inputs]
    return total


def _matrix_product(operation: Any) -> int:
    transposed = "transpose_a" if operation.type == "MatMul" else "adj_x"
    summed = _sizes(operation.inputs[0])[-2 if operation.get_attr(transposed) else -1]
    return math.prod(_sizes(operation.outputs[0])) * summed


def _einsum(operation: Any) -> int:
    """The product of the sizes of all its letters; `...` is the leading dimensions."""
    terms = operation.get_attr("equation").decode().partition("->")[0].split(",")
    sizes: dict[str, int] = {}
    for term, tensor in zip(terms, operation.inputs, strict=True):
        shape = _sizes(tensor)
        letters = term.replace("...", "")
        unnamed = len(shape) - len(letters)
        at = term.find("...")
        names = list(letters)
        if at >= 0:
            names[at:at] = [f".{place - unnamed}" for place in range(unnamed)]
        for name, size in zip(names, shape, strict=True):
            sizes[name] = max(sizes.get(name, 1), size)
    return math.prod(sizes.values()) if len(terms) > 1 else 0


def _convolution(operation: Any) -> int:
    """Kernels of shape (…, channels of a group, filters): every output is a sum over all but the last dimension."""
    return math.prod(_sizes(operation.outputs[0])) * math.prod(_sizes(operation.inputs[1])[:-1])


def _depthwise_convolution(operation: Any) -> int:
    return math.prod(_sizes(operation.outputs[0])) * math.prod(_sizes(operation.inputs[1])[:2])


def _transposed_convolution(operation: Any) -> int:
    """Kernels of shape (…, output channels, input channels): every input is spread over all but the last dimension."""
    return math.prod(_sizes(operation.inputs[2])) * math.prod(_sizes(operation.inputs[1])[:-1])


def _cropped(operation: Any) -> int:
    """Less than 0: what a dilated convolution, done on a batch of interleaved parts, computes at their padded ends."""
    convolution = operation.inputs[0].op
    if convolution.type == "Squeeze":
        convolution = convolution.inputs[0].op
    if convolution.type not in ("Conv2D", "Conv3D", "DepthwiseConv2dNative"):
        return 0
    counted = _COUNTS[convolution.type](convolution)
    made, kept = (math.prod(_sizes(each)) for each in (operation.inputs[0], operation.outputs[0]))
    return counted * kept // made - counted


def _loop(operation: Any) -> int:
    """The first two values of a loop in TensorFlow are its counter and the most rounds that it makes."""
    each_round = _called(operation, "body") + _called(operation, "cond")
    if each_round == 0:
        return 0
    most = _constant(operation.inputs[1])
    if most is None or most < 0:
        raise _UncountableError
    return most * each_round


def _branches(operation: Any) -> int:
    if operation.type.endswith("Case"):
        names = [function.name for function in operation.get_attr("branches")]
        return max(_in_graph(operation.graph._get_function(name).graph) for name in names)
    return max(_called(operation, "then_branch"), _called(operation, "else_branch"))


def _called(operation: Any, attribute: str = "f") -> int:
    name = operation.get_attr(attribute).name
    return _in_graph(operation.graph._get_function(name).graph)


def _constant(tensor: Any) -> int | None:
    """The value of a whole number that does not depend on the input."""
    value = tf.get_static_value(tensor)
    # Keras takes the largest length of the sequences in a batch, also where that is a single known number.
    if value is None and tensor.op.type == "Max" and tensor.op.inputs[0].shape.rank == 0:
        value = tf.get_static_value(tensor.op.inputs[0])
    return None if value is None else int(value)


def _sizes(tensor: Any) -> list[int]:
    if not tensor.shape.is_fully_defined():
        raise _UncountableError
    return list(tensor.shape.as_list())


_COUNTS: dict[str, Callable[[Any], int]] = {
    **dict.fromkeys(("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"), _matrix_product),
    "Einsum": _einsum,
    **dict.fromkeys(("Conv2D", "Conv3D"), _convolution),
    "DepthwiseConv2dNative": _depthwise_convolution,
    **dict.fromkeys(("Conv2DBackpropInput", "Conv3DBackpropInputV2"), _transposed_convolution),
    "BatchToSpaceND": _cropped,
    **dict.fromkeys(("While", "StatelessWhile"), _loop),
    **dict.fromkeys(("If", "StatelessIf", "Case", "StatelessCase"), _branches),
    **dict.fromkeys(("PartitionedCall", "StatefulPartitionedCall"), _called),
}
