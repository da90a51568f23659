"""Rewrite what a converter can't write, or writes wrong, as operators that it can: one file per mend.

A mend changes how an answer is computed, never what it is; whether that holds is decided where every file is: by the
comparison with the Keras model. Each file of this folder but `replay.py` and `sizes.py` holds `MENDS`, or one for each
format: TensorFlow operator → function of (node, inputs) that builds the operator anew and returns its outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from export.artifact import Format
from export.graph.rewrites.convolutions import grouped_convolution, pooling_3d, transposed_convolution
from export.graph.rewrites.images import colours, patches, projective, resizing
from export.graph.rewrites.replay import CALLS, Mend, operators, rebuilt
from export.graph.rewrites.sizes import SIZES
from export.graph.rewrites.tensors import (
    bincount,
    bucketize,
    cumulative,
    elementwise,
    fourier,
    integer_products,
    moving,
    sign_bit,
)

_ALL: Mapping[str, Mend] = {
    **resizing.MENDS,
    **grouped_convolution.MENDS,
    **bincount.MENDS,
    **colours.MENDS,
    **cumulative.MENDS,
    **fourier.MENDS,
    **patches.MENDS,
    **projective.MENDS,
    **sign_bit.MENDS,
}
MENDS: Mapping[Format, Mapping[str, Mend]] = {
    Format.TFLITE: {
        **_ALL,
        **pooling_3d.MENDS,
        **moving.TFLITE_MENDS,
        **elementwise.TFLITE_MENDS,
        **integer_products.MENDS,
    },
    Format.ONNX: {
        **_ALL,
        **bucketize.MENDS,
        **moving.ONNX_MENDS,
        **elementwise.ONNX_MENDS,
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
