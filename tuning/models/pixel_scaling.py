"""Which pixel values a user's model is made for: stated, or inferred from its first layers."""

from __future__ import annotations

from typing import Any

import keras

from tuning.errors import InputError
from tuning.models.pixels import NAMED_SCALES

_SCALING_LAYERS = (keras.layers.Rescaling, keras.layers.Normalization)
# What may stand before the scaling without caring about the range of the values; random layers may as well.
_INDIFFERENT_LAYERS = (
    keras.layers.InputLayer,
    keras.layers.Identity,
    keras.layers.Reshape,
    keras.layers.Permute,
    keras.layers.Flatten,
    keras.layers.Resizing,
    keras.layers.CenterCrop,
    keras.layers.Cropping2D,
    keras.layers.ZeroPadding2D,
    keras.layers.Dropout,
    keras.layers.GaussianNoise,
)


def pixel_scale_for(model: keras.Model, asked: tuple[float, float] | None, name: str) -> tuple[float, float] | None:
    """How pixels are handed to the model: None as uint8, else as float32 `pixel × factor + offset`.

    `asked` is what its owner said, None for nothing. Raises InputError if that can't be, or if it has to be given;
    `name` is how the message calls the model.
    """
    inputs = getattr(model, "inputs", None)
    if inputs and not keras.backend.is_float_dtype(inputs[0].dtype):
        if asked is not None:
            raise InputError(f"{name} takes {inputs[0].dtype} pixels as they are: leave out `pixel_scale`")
        return None
    if asked is not None:
        return asked
    if _begins_with_scaling(model):
        return NAMED_SCALES["raw"]
    raise InputError(
        f"{name} has no Rescaling or Normalization layer before its first layer, so say which pixel values it is made "
        "for: `pixel_scale` unit (0 to 1), signed (-1 to 1), raw (0 to 255) or FACTOR,OFFSET"
    )


def _begins_with_scaling(model: Any) -> bool | None:
    """Whether the first layer that cares about values rescales or normalizes them; None if no layer does care."""
    for step in getattr(model, "operations", None) or model.layers:
        if isinstance(step, _INDIFFERENT_LAYERS) or type(step).__name__.startswith("Random"):
            continue
        if not isinstance(step, keras.Model):
            return isinstance(step, _SCALING_LAYERS)
        nested = _begins_with_scaling(step)
        if nested is not None:
            return nested
    return None
