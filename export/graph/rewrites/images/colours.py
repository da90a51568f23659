"""Colours by sums, products and comparisons of the three channels: RGBToHSV, HSVToRGB, and what adjusts images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from export.graph.rewrites.replay import Rewrite


def _hsv(colours: Any) -> Any:
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
    return tf.stack([hue, saturation, value], axis=-1)


def _rgb(colours: Any) -> Any:
    hue, saturation, value = tf.unstack(colours, 3, axis=-1)
    shares = (tf.abs(hue * 6 - 3) - 1, 2 - tf.abs(hue * 6 - 2), 2 - tf.abs(hue * 6 - 4))
    mixed = [((1 - saturation) + saturation * tf.clip_by_value(share, 0.0, 1.0)) * value for share in shares]
    return tf.stack(mixed, axis=-1)


def _more_hue(colours: Any, more: Any) -> Any:
    hue, saturation, value = tf.unstack(_hsv(colours), 3, axis=-1)
    hue = hue + more
    return _rgb(tf.stack([hue - tf.floor(hue), saturation, value], axis=-1))


def _more_saturation(colours: Any, factor: Any) -> Any:
    hue, saturation, value = tf.unstack(_hsv(colours), 3, axis=-1)
    return _rgb(tf.stack([hue, tf.clip_by_value(saturation * factor, 0.0, 1.0), value], axis=-1))


def _more_contrast(images: Any, factor: Any) -> Any:
    means = tf.reduce_mean(images, axis=(-3, -2), keepdims=True)
    return (images - means) * factor + means


def _rewriting(function: Callable[..., Any]) -> Rewrite:
    return lambda node, inputs: [function(*inputs)] if inputs[0].dtype == tf.float32 else None


REWRITES: Mapping[str, Rewrite] = {
    "RGBToHSV": _rewriting(_hsv),
    "HSVToRGB": _rewriting(_rgb),
    "AdjustHue": _rewriting(_more_hue),
    "AdjustSaturation": _rewriting(_more_saturation),
    "AdjustContrastv2": _rewriting(_more_contrast),
}
