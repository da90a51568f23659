"""An identity that keeps operators apart, and other small parts of OpenVINO graphs."""

from __future__ import annotations

from typing import Any

import numpy as np

from export.formats.openvino.quiet import opset

set1 = opset(1)
_LARGEST = float(np.finfo(np.float32).max)


def is_float(output: Any) -> bool:
    """Whether it holds floating-point numbers."""
    return bool(output.get_element_type().is_real())


def constant_of(output: Any) -> Any:
    """The values, as an array; None if they are not constant."""
    node = output.get_node()
    return node.get_data() if node.get_type_name() == "Constant" else None


def like(output: Any, value: float) -> Any:
    """A constant of the output's type."""
    return set1.constant(np.array(value, dtype=output.get_element_type().to_dtype()))


def keep_apart(output: Any) -> Any:
    """The same numbers, NaN too, behind a PReLU of slopes 1: no pass of the processor's plugin looks through it, and it
    is fused with what comes before it.

    Of a single slope the plugin would make a LeakyRelu, which loses its mark: so there are several, along the last axis
    that has some. Without such an axis a Clamp does, at the limits of float32.
    """
    shape = output.get_partial_shape()
    sizes = [int(size.get_length()) if size.is_static else 0 for size in shape] if shape.rank.is_static else []
    wide = [axis for axis, size in enumerate(sizes) if size > 1 and axis]
    if not wide:
        return set1.clamp(output, -_LARGEST, _LARGEST).output(0)
    slopes = np.ones([size if axis == wide[-1] else 1 for axis, size in enumerate(sizes)], np.float32)
    return set1.prelu(output, set1.constant(slopes)).output(0)


def negate(output: Any) -> Any:
    """The numbers with the other sign."""
    return keep_apart(set1.multiply(output, like(output, -1)).output(0))
