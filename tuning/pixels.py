"""What pixel values a model was made for: 0 to 255, 0 to 1, −1 to 1, or anything linear in between."""

from __future__ import annotations

import math
from typing import Any

import keras

from tuning.errors import InputError

PIXEL_SCALES = {"raw": (1.0, 0.0), "unit": (1 / 255, 0.0), "signed": (2 / 255, -1.0)}
"""Name → (factor, offset): the model gets `pixel × factor + offset`, as `keras.layers.Rescaling` computes it."""

_SCALING_LAYERS = (keras.layers.Rescaling, keras.layers.Normalization)
# What may stand between the input and the scaling without caring about the range of the values.
_INDIFFERENT_LAYERS = (
    keras.layers.InputLayer,
    keras.layers.Reshape,
    keras.layers.Permute,
    keras.layers.Flatten,
    keras.layers.Resizing,
    keras.layers.CenterCrop,
    keras.layers.Cropping2D,
    keras.layers.ZeroPadding2D,
    keras.layers.RandomFlip,
    keras.layers.RandomTranslation,
    keras.layers.RandomRotation,
    keras.layers.RandomZoom,
    keras.layers.RandomCrop,
)
_SCALING_OPERATIONS = ("TrueDivide", "Divide", "Multiply", "Subtract", "Add")


def parse_pixel_scale(text: str) -> tuple[float, float]:
    """(factor, offset) of `raw`, `unit`, `signed` or `FACTOR,OFFSET`. Raises InputError for anything else."""
    if text in PIXEL_SCALES:
        return PIXEL_SCALES[text]
    try:
        factor, offset = (float(number) for number in text.split(","))
    except ValueError:
        factor = offset = math.nan
    if not (math.isfinite(factor) and math.isfinite(offset) and factor != 0):
        raise InputError(f"--pixel-scale must be {', '.join(PIXEL_SCALES)} or FACTOR,OFFSET, got {text}")
    return factor, offset


def scales_pixels_itself(model: keras.Model) -> bool:
    """Whether the first thing the model does with its input's values is to rescale or normalize them."""
    steps: list[Any] = getattr(model, "operations", None) or model.layers
    for step in steps:
        if isinstance(step, _SCALING_LAYERS) or type(step).__name__ in _SCALING_OPERATIONS:
            return True
        if isinstance(step, keras.Model):
            return scales_pixels_itself(step)
        if not isinstance(step, _INDIFFERENT_LAYERS):
            return False
    return False


def pixel_scale_for(model: keras.Model, asked: tuple[float, float] | None, name: str) -> tuple[float, float] | None:
    """How pixels are handed to the model: None as uint8, else as float32 `pixel × factor + offset`.

    `asked` is what its owner said, None for nothing. Raises InputError if that can't be, or if it has to be told;
    `name` is how the message calls the model.
    """
    inputs = getattr(model, "inputs", None)
    if inputs and not keras.backend.is_float_dtype(inputs[0].dtype):
        if asked is not None:
            raise InputError(f"{name} takes {inputs[0].dtype} pixels as they are: leave out --pixel-scale")
        return None
    if asked is not None:
        return asked
    if scales_pixels_itself(model):
        return PIXEL_SCALES["raw"]
    raise InputError(
        f"{name} has no Rescaling or Normalization layer before its first layer, so say which pixel values it is made "
        "for: --pixel-scale unit (0 to 1), signed (-1 to 1), raw (0 to 255) or FACTOR,OFFSET"
    )
