"""ONNX."""

from __future__ import annotations

from export.artifact import Variant
from export.formats.facts import FormatFacts

FACTS = FormatFacts(
    title="ONNX",
    variants=(Variant.FLOAT32, Variant.FLOAT16, Variant.INT8),
    module="onnxruntime",
    package="onnxruntime",
    writer_modules=("tf2onnx", "onnx", "onnxslim"),
    recorded=("tf2onnx", "onnx", "onnxruntime"),
    loading_order=0,
    unoptimized="without graph optimization",
    has_opset=True,
    keras_export=("onnx", "onnx"),
)
