"""Wrong pixels before a model: what code that prepares images otherwise than the training did makes of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from export.artifact import TensorSpec
from export.model.preprocessing import Preprocessing
from export.model.serving import ServingModel

WRONG_SHARE = 255 / 256


@dataclass(frozen=True, kw_only=True, eq=False)
class WrongPreprocessing(Preprocessing):
    """Preprocessing that first changes the pixels. `change`: uint8 in, uint8 of the same shape out."""

    change: Callable[[Any], Any]

    def arguments(self, tensors: Sequence[Any]) -> Any:
        return super().arguments([self.change(tensor) for tensor in tensors])


def divide_by_256(serving: ServingModel) -> ServingModel | None:
    """Pixels divided by 256 where 255 is meant."""
    for layer in serving.model._flatten_layers():
        if isinstance(layer, keras.layers.Rescaling):
            layer.scale = np.multiply(layer.scale, WRONG_SHARE).tolist()
            return serving
    (part, *others) = serving.preprocessing.parts
    if part.scale is None or others:
        return None
    scale = (part.scale[0] * WRONG_SHARE, part.scale[1])
    wrong = dataclasses.replace(serving.preprocessing, parts=(dataclasses.replace(part, scale=scale),))
    return dataclasses.replace(serving, preprocessing=wrong)


def swap_height_and_width(serving: ServingModel) -> ServingModel | None:
    """Images read column by column."""

    def swap(spec: TensorSpec) -> Callable[[Any], Any]:
        _, height, width, channels = spec.shape
        return lambda images: tf.transpose(tf.reshape(images, (-1, width, height, channels)), (0, 2, 1, 3))

    return _with_pixels(serving, swap)


def invert(serving: ServingModel) -> ServingModel | None:
    """Bright and dark in each other's place."""
    return _with_pixels(serving, lambda spec: lambda images: tf.constant(255, images.dtype) - images)


def reverse_channels(serving: ServingModel) -> ServingModel | None:
    """Blue, green, red where red, green, blue is meant; None for pictures without colour."""
    if serving.inputs[0].shape[-1] != 3:
        return None
    return _with_pixels(serving, lambda spec: lambda images: tf.reverse(images, axis=[-1]))


def augment(serving: ServingModel) -> ServingModel | None:
    """Images made darker at random, as while training."""

    def darker(images: Any) -> Any:
        dimmed = tf.cast(images, tf.float32) * tf.random.uniform((tf.shape(images)[0], 1, 1, 1), 0.7, 1.0)
        return tf.cast(dimmed, images.dtype)

    return _with_pixels(serving, lambda spec: darker)


def _with_pixels(serving: ServingModel, make: Callable[[TensorSpec], Callable[[Any], Any]]) -> ServingModel | None:
    """The model behind changed pixels; None if it takes anything but images of raw pixels."""
    if len(serving.inputs) != 1 or serving.inputs[0].dtype != "uint8" or len(serving.inputs[0].shape) != 4:
        return None
    preprocessing = WrongPreprocessing(
        parts=serving.preprocessing.parts, structure=serving.preprocessing.structure, change=make(serving.inputs[0])
    )
    return dataclasses.replace(serving, preprocessing=preprocessing)
