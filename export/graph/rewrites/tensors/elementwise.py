"""Functions of single numbers that a format lacks, by those that it has: Asin by Atan2, Erf by a quotient, and so on.

Some exist to keep small results exact (Erfc, Expm1, Log1p, Sinh, Asinh, Atanh), which is lost here. What follows adds
them to numbers of order one, where only the absolute error counts, and that stays below 1e-6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from export.graph.rewrites.replay import Rewrite

_ERF_LIMIT = 3.832506856900711
_ERF_OVER = (
    0.00022905065861350646,
    0.0034082910107109506,
    0.050955695062380861,
    0.18520832239976145,
    1.128379143519084,
)
_ERF_UNDER = (
    *(-1.1791602954361697e-7, 0.000023547966471313185, 0.0010179625278914885, 0.014070470171167667),
    *(0.11098505178285362, 0.49746925110067538, 1.0),
)
"""x × over(x²) / under(x²), highest powers first, as in XLA (xla/hlo/builder/lib/math.cc, ErfImpl32)."""


def _erf(x: Any) -> Any:
    x = tf.clip_by_value(x, -_ERF_LIMIT, _ERF_LIMIT)
    return x * _polynomial(x * x, _ERF_OVER) / _polynomial(x * x, _ERF_UNDER)


def _polynomial(x: Any, factors: Sequence[float]) -> Any:
    value = np.float32(factors[0])
    for factor in factors[1:]:
        value = value * x + np.float32(factor)
    return value


def _leg(x: Any) -> Any:
    """√(1 − x²) without the cancellation where x² is near 1."""
    return tf.sqrt((1 - x) * (1 + x))


_BY_NEIGHBOURS: Mapping[str, Callable[[Any], Any]] = {
    "Acos": lambda x: tf.atan2(_leg(x), x),
    "Acosh": lambda x: tf.math.log(x + tf.sqrt((x - 1) * (x + 1))),
    "Asin": lambda x: tf.atan2(x, _leg(x)),
    "Asinh": lambda x: tf.sign(x) * tf.math.log(tf.abs(x) + tf.sqrt(x * x + 1)),
    "Atan": lambda x: tf.atan2(x, tf.ones_like(x)),
    "Atanh": lambda x: 0.5 * tf.math.log((1 + x) / (1 - x)),
    "Cosh": lambda x: 0.5 * (tf.exp(x) + tf.exp(-x)),
    "Erf": _erf,
    "Erfc": lambda x: 1 - tf.math.erf(x),
    "Expm1": lambda x: tf.exp(x) - 1,
    "Log1p": lambda x: tf.math.log(1 + x),
    "Sinh": lambda x: 0.5 * (tf.exp(x) - tf.exp(-x)),
    "Tan": lambda x: tf.sin(x) / tf.cos(x),
}


def _rewriting(function: Callable[[Any], Any]) -> Rewrite:
    return lambda node, inputs: [function(inputs[0])] if inputs[0].dtype == tf.float32 else None


TFLITE_REWRITES: Mapping[str, Rewrite] = {
    name: _rewriting(_BY_NEIGHBOURS[name])
    for name in ("Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cosh", "Erf", "Sinh", "Tan")
}
ONNX_REWRITES: Mapping[str, Rewrite] = {name: _rewriting(_BY_NEIGHBOURS[name]) for name in ("Erfc", "Expm1", "Log1p")}
