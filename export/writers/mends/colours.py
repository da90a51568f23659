"""RGBToHSV and HSVToRGB by sums, products and comparisons of the three channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


def _to_hsv(node: Any, inputs: Sequence[Any]) -> Sequence[Any] | None:
    (colours,) = inputs
    if colours.dtype != tf.float32:
        return None
    red, green, blue = tf.unstack(colours, 3, axis=-1)
    value = tf.reduce_max(colours, axis=-1)
    span = value - tf.reduce_min(colours, axis=-1)
    saturation = tf.where(value > 0, span / tf.where(value > 0, value, 1.0), 0.0)
    sixth = 1 / (6 * tf.where(span > 0, span, 1.0))
    hue = tf.where(
        tf.equal(red, value),
        sixth * (green - blue),
        tf.where(tf.equal(green, value), sixth * (blue - red) + 2 / 6, sixth * (red - green) + 4 / 6),
    )
    hue = tf.where(span > 0, tf.where(hue < 0, hue + 1, hue), 0.0)
    return [tf.stack([hue, saturation, value], axis=-1)]


def _to_rgb(node: Any, inputs: Sequence[Any]) -> Sequence[Any] | None:
    (colours,) = inputs
    if colours.dtype != tf.float32:
        return None
    hue, saturation, value = tf.unstack(colours, 3, axis=-1)
    shares = (tf.abs(hue * 6 - 3) - 1, 2 - tf.abs(hue * 6 - 2), 2 - tf.abs(hue * 6 - 4))
    mixed = [((1 - saturation) + saturation * tf.clip_by_value(share, 0.0, 1.0)) * value for share in shares]
    return [tf.stack(mixed, axis=-1)]


MENDS = {"RGBToHSV": _to_hsv, "HSVToRGB": _to_rgb}
