"""Keras model → TFLite file of builtin operators."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from export.artifact import Format, Variant
from export.errors import InputError
from export.formats.format import load_part
from export.formats.tflite import FACTS
from export.graph.naming import short_names
from export.graph.refusals import find_refused, refusal, refuse_conversion
from export.graph.rewrites.convolutions import pooling_3d
from export.graph.rewrites.sizes import SIZES
from export.graph.rewrites.tensors import elementwise, integer_products, moving
from export.graph.rewriting import COMMON, Rewriting
from export.graph.tracing import trace
from tuning.native_output import hold_back

if TYPE_CHECKING:
    from export.formats.source import ModelSource
    from export.formats.writer import WriteOptions

# TFLite's converter looks into functions by itself.
REWRITING = Rewriting(
    rewrites={
        **COMMON,
        **pooling_3d.REWRITES,
        **moving.TFLITE_REWRITES,
        **elementwise.TFLITE_REWRITES,
        **integer_products.REWRITES,
    },
    also=SIZES,
)
METADATA_NAME = "description"
_ABOUT_CONVERSION = b"CONVERSION_METADATA"
"""Which converter made the file, and how: the manifest says that."""


def write(source: ModelSource, path: Path, options: WriteOptions) -> None:
    """Write the file `path`, with the description as a metadata buffer.

    Raises InputError if the model needs an operator that TFLite does not have: files with TensorFlow's own operators
    convert, and then run nowhere.
    """
    variant = options.target.variant
    if variant is Variant.INT8 and source.calibration is None:
        raise InputError("int8 TFLite needs training examples to find its ranges: give data that has some")
    path_of_source = str(source.once(write_saved_model))
    try:
        with hold_back(shown_on_error=False), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            converter = tf.lite.TFLiteConverter.from_saved_model(path_of_source)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
            content = _convert(converter, variant, source)
    # The converter reports an operator it lacks with exceptions of several unrelated classes.
    except Exception as error:
        unwritable = find_refused(str(error))
        if unwritable is not None:
            raise refusal(source.serving, unwritable, FACTS.title) from error
        reason = " ".join(str(error).split())[:300]
        what = f"{variant} TFLite with builtin operators"
        raise refuse_conversion(source.serving, None, what, reason) from error
    path.write_bytes(_finish(bytes(content), json.dumps(options.description.as_metadata())))


def write_saved_model(source: ModelSource) -> Path:
    """A SavedModel of the serving function in operators that TFLite has."""
    path = source.folder / "tflite_source"
    writer = load_part(Format.SAVED_MODEL, "writer")
    writer.write_plain(source.serving, trace(source.serving, REWRITING), path, with_gradients=False)
    return path


def _convert(converter: Any, variant: Variant, source: ModelSource) -> bytes:
    if variant is Variant.FLOAT32:
        return bytes(converter.convert())
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if variant is Variant.FLOAT16:
        converter.target_spec.supported_types = [tf.float16]
    if variant is not Variant.INT8:
        return bytes(converter.convert())

    def examples() -> Iterator[dict[str, np.ndarray]]:
        assert source.calibration is not None
        for at in range(len(next(iter(source.calibration.values())))):
            yield {name: array[at : at + 1] for name, array in source.calibration.items()}

    converter.representative_dataset = examples
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8, tf.lite.OpsSet.TFLITE_BUILTINS]
    # Only the debugger's options can name operators that stay in float: a softmax in 8 bits gives rows that do not sum
    # to 1, and ties.
    quantizer = tf.lite.experimental.QuantizationDebugger(
        converter=converter,
        debug_dataset=examples,
        debug_options=tf.lite.experimental.QuantizationDebugOptions(denylisted_ops=["SOFTMAX"]),
    )
    return bytes(quantizer.get_nondebug_quantized_model())


def _finish(content: bytes, description: str) -> bytes:
    """With the description, without what nothing reads, and tensors under the names of layers, inputs and outputs."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    kept = [entry for entry in model.metadata or [] if entry.name != _ABOUT_CONVERSION]
    for entry in model.metadata or []:
        if entry.name == _ABOUT_CONVERSION:
            model.buffers[entry.buffer].data = None
    buffer = schema.BufferT()
    buffer.data = list(description.encode())
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name = METADATA_NAME
    entry.buffer = len(model.buffers) - 1
    model.metadata = [*kept, entry]
    model.description = None
    for graph in model.subgraphs:
        # An operator that was fused from several carries the names of all; the last of them comes first.
        names = short_names([tensor.name.decode().partition(";")[0] for tensor in graph.tensors])
        for tensor, name in zip(graph.tensors, names, strict=True):
            tensor.name = name.encode()
            found = tensor.quantization
            if found is not None and found.scale is None and found.details is None:
                tensor.quantization = None
    for signature in model.signatureDefs or []:
        graph = model.subgraphs[signature.subgraphIndex]
        for tensor in (*signature.inputs, *signature.outputs):
            graph.tensors[tensor.tensorIndex].name = tensor.name
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))
