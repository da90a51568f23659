"""Rewrite what a converter can't write, or writes wrong, as operators that it can: one file per mend.

A mend changes how an answer is computed, never what it is; whether that holds is decided where every file is: by the
comparison with the Keras model. Each file of this folder but `replay.py` holds `MENDS`: TensorFlow operator →
function of (node, inputs) that builds the operator anew and returns its outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from export.artifact import Format
from export.writers.mends import (
    bincount,
    bucketize,
    exponentials,
    grouped_convolution,
    pooling_3d,
    resizing,
    transposed_convolution,
)
from export.writers.mends.replay import CALLS, Mend, operators, rebuilt
from export.writers.mends.sizes import SIZES

MENDS: Mapping[Format, Mapping[str, Mend]] = {
    Format.TFLITE: {**resizing.MENDS, **grouped_convolution.MENDS, **pooling_3d.MENDS, **bincount.MENDS},
    Format.ONNX: {
        **resizing.MENDS,
        **bincount.MENDS,
        **bucketize.MENDS,
        **exponentials.MENDS,
        **grouped_convolution.MENDS,
        **transposed_convolution.MENDS,
    },
}

_ALSO: Mapping[Format, frozenset[str]] = {Format.TFLITE: SIZES, Format.ONNX: SIZES | CALLS}
"""What is no mend's and makes a graph be built anew. TFLite's converter looks into functions by itself."""


def mended(function: Any, kind: Format) -> Any:
    """The same concrete function in operators that the format has; `function` itself if there is nothing to mend."""
    mends = MENDS[kind]
    if not operators(function.graph.as_graph_def()) & {*mends, *_ALSO[kind]}:
        return function
    frozen = convert_variables_to_constants_v2(function, lower_control_flow=False)
    return rebuilt(function, frozen, frozen.graph.as_graph_def(), mends)
