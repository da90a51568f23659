"""Keras model → ONNX file, by way of a frozen TensorFlow graph."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from export.artifact import ONNX_IR_VERSION, Format
from export.errors import InputError, VerificationError
from export.native_output import held_back
from export.writers.refusals import Unwritable, refusal
from export.writers.tracing import trace

if TYPE_CHECKING:
    from export.serving import ServingModel
    from export.writers import WriteOptions

STANDARD_DOMAINS = ("", "ai.onnx")


def write(serving: ServingModel, path: Path, options: WriteOptions) -> int:
    """Write the file `path`, with the description in its `metadata_props`; the opset it was written with.

    Raises InputError if tf2onnx can't convert the model, VerificationError if what it made is not valid ONNX: it can
    return such a file without an error.
    """
    proto = _convert(serving, options.opset)
    _require_standard_operators(serving, proto, options.opset)
    # Stamped by hand: the newest onnx would write versions that the newest onnxruntime refuses.
    proto.ir_version = ONNX_IR_VERSION
    del proto.metadata_props[:]
    onnx.helper.set_model_props(proto, options.description.as_metadata())
    path.write_bytes(proto.SerializeToString(deterministic=True))
    _ensure_valid(path, options.opset)
    return options.opset


def _convert(serving: ServingModel, opset: int) -> Any:
    """Freeze the serving function and convert its graph.

    Freezing first lets tf2onnx see every weight as a constant; models with many nested functions (EfficientNet) only
    convert that way.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tf2onnx

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    function = trace(serving, Format.ONNX)
    try:
        with held_back(shown_on_error=False), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frozen = convert_variables_to_constants_v2(function)
            # Both in the order of the serving function, whose answers TensorFlow sorts by name.
            sources = dict(zip((spec.name for spec in serving.inputs), frozen.inputs, strict=True))
            answers = dict(zip((spec.name for spec in serving.outputs), frozen.outputs, strict=True))
            proto, _ = tf2onnx.convert.from_graph_def(
                frozen.graph.as_graph_def(),
                input_names=[tensor.name for tensor in sources.values()],
                output_names=[tensor.name for tensor in answers.values()],
                opset=opset,
                tensors_to_rename={tensor.name: name for name, tensor in {**sources, **answers}.items()},
            )
    # tf2onnx reports what it can't convert with whatever exception it happened to meet.
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"the model can't be written as ONNX with opset {opset}: {reason}") from error
    for tensor in (*proto.graph.input, *proto.graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = "batch"
    return proto


def _require_standard_operators(serving: ServingModel, proto: Any, opset: int) -> None:
    """Raise InputError for an operator of TensorFlow's that tf2onnx left in the graph, as it does without an error."""
    for node in _nodes(proto.graph):
        if node.domain in STANDARD_DOMAINS and not onnx.defs.has(node.op_type, opset):
            raise refusal(serving.model, Unwritable(operator=node.op_type, path=node.name), Format.ONNX)


def _nodes(graph: Any) -> Iterator[Any]:
    """All nodes, those of loops and branches too."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes(inner)


def _ensure_valid(path: Path, opset: int) -> None:
    written = onnx.load(path)
    try:
        onnx.checker.check_model(written, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = " ".join(str(error).split())[:300]
        raise VerificationError(f"{path.name} is not valid ONNX: {reason}") from error
    versions = {stamped.domain: stamped.version for stamped in written.opset_import}
    vendor = sorted(node.domain for node in written.graph.node if node.domain not in STANDARD_DOMAINS)
    if vendor:
        raise VerificationError(f"{path.name} uses operators of {vendor[0]} but must use standard ones only")
    if versions.get("") != opset or written.ir_version != ONNX_IR_VERSION:
        raise VerificationError(
            f"{path.name} is stamped with opset {versions.get('')} and IR {written.ir_version} but must have "
            f"{opset} and {ONNX_IR_VERSION}"
        )
