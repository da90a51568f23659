"""OpenVINO's intermediate representation: a folder with `model.xml`, the graph, and `model.bin`, its constants.

Each operator is marked to be computed in float32, so that a file answers the same however it is loaded: processors
with bfloat16 would else compute in that, which moves probabilities by some hundredths.
"""

from __future__ import annotations

from export.artifact import Variant
from export.formats.facts import FormatFacts

FACTS = FormatFacts(
    title="OpenVINO IR",
    variants=(Variant.FLOAT32, Variant.FLOAT16, Variant.INT8),
    module="openvino",
    package="openvino",
    writer_modules=("tf2onnx", "onnx", "onnxslim", "onnxruntime"),
    recorded=("openvino", "tf2onnx", "onnx"),
    is_optional=True,
    loading_order=2,
    loading='openvino.Core().compile_model("model.xml", "CPU"): the file itself keeps it in float32, without a hint',
    unoptimized="with every tensor as an output",
)
