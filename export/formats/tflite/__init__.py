"""TFLite."""

from __future__ import annotations

from export.artifact import Variant
from export.formats.facts import FormatFacts

FACTS = FormatFacts(
    title="TFLite with builtin operators",
    variants=(Variant.FLOAT32, Variant.FLOAT16, Variant.DYNAMIC, Variant.INT8),
    module="ai_edge_litert",
    package="ai-edge-litert",
    recorded=("tensorflow", "ai-edge-litert"),
    loading_order=1,
    unoptimized="without XNNPACK",
    keras_export=("litert", "tflite"),
)
