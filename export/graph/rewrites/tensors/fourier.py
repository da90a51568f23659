"""Fourier transforms, and what else is computed with complex numbers: with two real numbers for each.

No format here has such numbers. What reads real ones off them, Real, Imag or ComplexAbs, is computed from the real
numbers that they come from, as far as all between is known here; a transform becomes two products with a matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

Complex = tuple[Any, Any]
"""The real and the imaginary parts, both float32."""


def _read(take: Callable[[Complex], Any]) -> Callable[[Any, Sequence[Any]], Sequence[Any] | None]:
    def build(node: Any, inputs: Sequence[Any]) -> Sequence[Any] | None:
        parts = _parts(inputs[0])
        return None if parts is None else [take(parts)]

    return build


def _parts(tensor: Any) -> Complex | None:
    """The parts of a tensor of complex numbers; None if something unknown computed it."""
    operator = tensor.op
    if tensor.dtype != tf.complex64 or operator.type not in _STEPS:
        return None
    return _STEPS[operator.type](operator)


def _of_constant(operator: Any) -> Complex:
    value = tf.get_static_value(operator.outputs[0])
    return tf.constant(value.real), tf.constant(value.imag)


def _of_real(operator: Any) -> Complex | None:
    (real,) = operator.inputs
    return (real, tf.zeros_like(real)) if real.dtype == tf.float32 else None


def _on_both(operator: Any) -> Complex | None:
    """What moves numbers about does so with both parts."""
    values, *settings = operator.inputs
    parts = _parts(values)
    if parts is None:
        return None
    graph = tf.compat.v1.get_default_graph()
    attributes = {**operator.node_def.attr}
    attributes["T"].type = tf.float32.as_datatype_enum
    first, second = (graph.create_op(operator.type, [part, *settings], attrs=attributes).outputs[0] for part in parts)
    return first, second


def _sum(operator: Any, sign: float) -> Complex | None:
    first, second = map(_parts, operator.inputs)
    if first is None or second is None:
        return None
    return first[0] + sign * second[0], first[1] + sign * second[1]


def _product(operator: Any) -> Complex | None:
    first, second = map(_parts, operator.inputs)
    if first is None or second is None:
        return None
    return first[0] * second[0] - first[1] * second[1], first[0] * second[1] + first[1] * second[0]


def _conjugate(operator: Any) -> Complex | None:
    parts = _parts(operator.inputs[0])
    return None if parts is None else (parts[0], -parts[1])


def _exponential(operator: Any) -> Complex | None:
    parts = _parts(operator.inputs[0])
    if parts is None:
        return None
    length = tf.exp(parts[0])
    return length * tf.cos(parts[1]), length * tf.sin(parts[1])


def _transform(axes: int, *, inverse: bool) -> Callable[[Any], Complex | None]:
    """Along the last `axes` axes."""

    def build(operator: Any) -> Complex | None:
        parts = _parts(operator.inputs[0])
        for axis in range(-axes, 0):
            parts = None if parts is None else _along(parts, axis, inverse=inverse)
        return parts

    return build


def _along(parts: Complex, axis: int, *, inverse: bool, size: int | None = None) -> Complex | None:
    """`size`: how many numbers of the transform are wanted, the first; all by default."""
    length = parts[0].shape[axis]
    if length is None:
        return None
    turns = np.outer(np.arange(length), np.arange(size if size is not None else length)) % length / length
    waves = np.exp((2j if inverse else -2j) * np.pi * turns) / (length if inverse else 1)
    cosine, sine = tf.constant(waves.real.astype(np.float32)), tf.constant(waves.imag.astype(np.float32))
    real, imaginary = (_swap_last(part, axis) for part in parts)
    return (
        _swap_last(tf.matmul(real, cosine) - tf.matmul(imaginary, sine), axis),
        _swap_last(tf.matmul(real, sine) + tf.matmul(imaginary, cosine), axis),
    )


def _swap_last(values: Any, axis: int) -> Any:
    """With the axis in the place of the last one, and the other way round."""
    return values if axis == -1 else tf.linalg.matrix_transpose(values)


def _of_rows(operator: Any) -> Complex | None:
    """RFFT: the half of the transform of real numbers that determines the other."""
    rows, length = operator.inputs
    size = tf.get_static_value(length)
    if size is None or rows.shape[-1] is None:
        return None
    rows = _fit(rows, int(size[0]))
    return _along((rows, tf.zeros_like(rows)), -1, inverse=False, size=int(size[0]) // 2 + 1)


def _to_rows(node: Any, inputs: Sequence[Any]) -> Sequence[Any] | None:
    """IRFFT: real numbers of the half of their transform."""
    half, length = inputs
    size, parts = tf.get_static_value(length), _parts(half)
    if size is None or parts is None or parts[0].shape[-1] is None:
        return None
    count = int(size[0])
    real, imaginary = (_fit(part, count // 2 + 1) for part in parts)
    # Every number but the first, and of an even count the last, represents its conjugate too.
    weights = np.full(count // 2 + 1, 2.0)
    weights[0] = 1.0
    if count % 2 == 0:
        weights[-1] = 1.0
    turns = np.outer(np.arange(count // 2 + 1), np.arange(count)) % count / count
    waves = np.exp(2j * np.pi * turns) * weights[:, None] / count
    return [
        tf.matmul(real, tf.constant(waves.real.astype(np.float32)))
        - tf.matmul(imaginary, tf.constant(waves.imag.astype(np.float32)))
    ]


def _fit(values: Any, size: int) -> Any:
    """So many numbers of the last axis: cut, or with zeros behind them."""
    length = values.shape[-1]
    if length >= size:
        return values[..., :size]
    return tf.pad(values, [*([(0, 0)] * (values.shape.rank - 1)), (0, size - length)])


_STEPS: Mapping[str, Callable[[Any], Complex | None]] = {
    "Complex": lambda operator: tuple(operator.inputs),
    "Const": _of_constant,
    "Cast": _of_real,
    **dict.fromkeys(("Identity", "Reshape", "Transpose", "Squeeze", "ExpandDims", "StridedSlice"), _on_both),
    "AddV2": lambda operator: _sum(operator, 1.0),
    "Sub": lambda operator: _sum(operator, -1.0),
    "Mul": _product,
    "Conj": _conjugate,
    "Exp": _exponential,
    "FFT": _transform(1, inverse=False),
    "IFFT": _transform(1, inverse=True),
    "FFT2D": _transform(2, inverse=False),
    "IFFT2D": _transform(2, inverse=True),
    "RFFT": _of_rows,
}
REWRITES = {
    "Real": _read(lambda parts: parts[0]),
    "Imag": _read(lambda parts: parts[1]),
    "ComplexAbs": _read(lambda parts: tf.sqrt(parts[0] * parts[0] + parts[1] * parts[1])),
    "IRFFT": _to_rows,
}
