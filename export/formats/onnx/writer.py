"""Keras model → ONNX file, by way of a frozen TensorFlow graph."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from export.artifact import ONNX_IR_VERSION, Variant
from export.errors import InputError, VerificationError
from export.formats.onnx import FACTS
from export.formats.onnx.converter import CONVERTER, ConversionError
from export.formats.onnx.messages import all_nodes
from export.formats.onnx.structure import RANDOM, STANDARD_DOMAINS, find_invalid, read
from export.graph.refusals import Unwritable, name_cause, refusal, refuse_conversion
from export.graph.rewrites.convolutions import transposed_convolution
from export.graph.rewrites.replay import CALLS
from export.graph.rewrites.sizes import SIZES
from export.graph.rewrites.tensors import bucketize, elementwise, moving
from export.graph.rewriting import COMMON, Rewriting
from export.graph.tracing import trace
from tuning.native_output import hold_back

if TYPE_CHECKING:
    from export.formats.source import ModelSource
    from export.formats.writer import WriteOptions
    from export.model.serving import ServingModel

# How the onnx package tells a node in its messages.
_NODE = re.compile(r"node name: (?P<name>[^)]+)\)")
REWRITING = Rewriting(
    rewrites={
        **COMMON,
        **bucketize.REWRITES,
        **moving.ONNX_REWRITES,
        **elementwise.ONNX_REWRITES,
        **transposed_convolution.REWRITES,
    },
    also=SIZES | CALLS,
)
_MAKERS: Mapping[Variant, str] = {Variant.FLOAT32: "quick", Variant.FLOAT16: "float16", Variant.INT8: "int8"}
"""Number type → how the converter's process calls what makes it."""


def write(source: ModelSource, path: Path, options: WriteOptions) -> int:
    """Write the file `path`, with the description in its `metadata_props`; the opset it was written with.

    Raises InputError if the model can't be converted, VerificationError if what was made is not valid ONNX: converters
    can return such a file without an error.
    """
    proto = onnx.load_from_string(_make(source, options.target.variant))
    # Stamped by hand: the newest onnx would write versions that the newest onnxruntime refuses.
    proto.ir_version = ONNX_IR_VERSION
    onnx.helper.set_model_props(proto, options.description.as_metadata())
    path.write_bytes(proto.SerializeToString(deterministic=True))
    structure = read(path)
    flaws = (*structure.flaws, *find_invalid(path))
    if flaws:
        because = name_cause(source.serving, _node_at_fault(proto, flaws))
        raise VerificationError(f"{path.name} can't be published{because}: {'; '.join(flaws)}")
    if structure.versions["opset"] != source.opset:
        raise VerificationError(
            f"{path.name} is stamped with opset {structure.versions['opset']} but must have {source.opset}"
        )
    return source.opset


def _node_at_fault(proto: Any, faults: Sequence[str]) -> str | None:
    """The node that the faults are about, if one is."""
    found = _NODE.search(" ".join(faults))
    if found is not None:
        return found["name"]
    nodes = all_nodes(proto.graph)
    return next((node.name for node in nodes if node.domain not in STANDARD_DOMAINS or node.op_type in RANDOM), None)


def convert(source: ModelSource) -> bytes:
    """The model as float32 ONNX, without a description: frozen here, converted and tidied in the converter's process.

    Freezing first lets tf2onnx see every weight as a constant; models with many nested functions (EfficientNet) only
    convert that way. Raises InputError for what can't be converted.
    """
    CONVERTER.start()
    serving, opset = source.serving, source.opset
    function = trace(serving, REWRITING)
    with hold_back(shown_on_error=False):
        frozen = convert_variables_to_constants_v2(function)
    # Both in the order of the serving function, whose answers TensorFlow sorts by name.
    sources = dict(zip((tensor.name for tensor in frozen.inputs), (spec.name for spec in serving.inputs), strict=True))
    answers = dict(
        zip((tensor.name for tensor in frozen.outputs), (spec.name for spec in serving.outputs), strict=True)
    )
    graph = frozen.graph.as_graph_def().SerializeToString(deterministic=True)
    try:
        content = CONVERTER.make("float32", graph=graph, inputs=sources, outputs=answers, opset=opset)
    except ConversionError as error:
        raise refuse_conversion(serving, error.node, f"ONNX with opset {opset}", str(error)) from error
    _require_standard_operators(serving, onnx.load_from_string(content), opset)
    return content


def _make(source: ModelSource, variant: Variant) -> bytes:
    """The file in that number type, made of the float32 one."""
    arguments: dict[str, Any] = {"content": source.once(convert)}
    if variant is Variant.INT8:
        if source.calibration is None:
            raise InputError("int8 ONNX needs training examples to find its ranges: give data that has some")
        arguments["calibration"] = dict(source.calibration)
    try:
        return CONVERTER.make(_MAKERS[variant], **arguments)
    except ConversionError as error:
        raise InputError(f"the model can't be written as {variant} ONNX: {error}") from error


def _require_standard_operators(serving: ServingModel, proto: Any, opset: int) -> None:
    """Raise InputError for an operator of TensorFlow's that tf2onnx left in the graph, as it does without an error."""
    for node in all_nodes(proto.graph):
        if node.domain in STANDARD_DOMAINS and not onnx.defs.has(node.op_type, opset):
            raise refusal(serving, Unwritable(operator=node.op_type, path=node.name), FACTS.title)
