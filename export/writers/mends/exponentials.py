"""Erfc and Expm1, the work of `gelu` and `celu`, by their neighbours Erf and Exp.

They exist to keep small numbers exact: relative precision, which is lost here. An activation adds their result to
numbers of order one, where only the absolute error counts, and that stays below 1e-7.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


def _erfc(node: Any, inputs: Sequence[Any]) -> Sequence[Any]:
    return [1 - tf.math.erf(inputs[0])]


def _expm1(node: Any, inputs: Sequence[Any]) -> Sequence[Any]:
    return [tf.exp(inputs[0]) - 1]


MENDS = {"Erfc": _erfc, "Expm1": _expm1}
