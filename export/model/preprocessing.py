"""What comes before a model when it is served: names and dtypes that every format can hold, pixels made what it wants.

A model that takes uint8 pixels is left as it is. One that takes numbers gets `pixel × factor + offset` in float32.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from export.arrays import Arrays
from export.artifact import INPUT_NAME, Description, TensorSpec
from export.errors import InputError
from export.model.inspection import own_inputs, scales_pixels, valid_names
from export.model.keras_file import KerasFile
from export.model.own_code import OwnCode

INPUT_DTYPES = ("uint8", "int32", "int64", "float32")
RAW = (1.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class ServingOptions:
    """How a model is to be served.

    `pixel_scale`: (factor, offset) of what the model gets to see, float32 `pixel × factor + offset`; None if it takes
    uint8 pixels or begins with a Rescaling or Normalization of its own. `wrap` False: the model is exported as it is.
    `is_classifier` False, and any model that is not wrapped, is verified by its outputs alone. `code`: the user's own.
    """

    pixel_scale: tuple[float, float] | None = None
    wrap: bool = True
    is_classifier: bool = True
    code: OwnCode = field(default_factory=OwnCode)

    @property
    def as_classifier(self) -> bool:
        return self.is_classifier and self.wrap


@dataclass(frozen=True, kw_only=True)
class InputPreprocessing:
    """One input of a served model: `spec` outside, `own` inside, and the scale between the two.

    `scale` (factor, offset), None for values that are taken as they are. `scaled_outside`: the caller has to scale.
    """

    spec: TensorSpec
    own: TensorSpec
    scale: tuple[float, float] | None = None
    scaled_outside: bool = False

    @property
    def computes(self) -> bool:
        """Whether the served model does more here than to hand over what it gets."""
        return (self.spec.dtype, self.spec.shape) != (self.own.dtype, self.own.shape)

    @property
    def computed_scale(self) -> tuple[float, float] | None:
        """The scale, where the served model computes it."""
        return None if self.scaled_outside or self.takes_raw_pixels else self.scale

    @property
    def takes_raw_pixels(self) -> bool:
        """Whether the model itself scales the pixels of an image."""
        return self.spec.dtype == "uint8" and len(self.spec.shape) == 4 and self.scale in (None, RAW)

    @property
    def in_words(self) -> str:
        """What a caller has to do, in words."""
        if self.takes_raw_pixels:
            return Description.preprocessing
        if self.scale is None:
            return f"none: {self.spec.name} is taken as it is"
        formula = f"pixel × {self.scale[0]!r} + {self.scale[1]!r}"
        if self.scaled_outside:
            return f"{self.spec.name} is {formula}, {self.spec.dtype}, of raw pixel values 0 to 255"
        return f"none: raw pixel values 0 to 255; the file computes {formula} itself"

    def convert(self, values: Any) -> Any:
        """Tensor of `spec` → tensor of `own`."""
        if self.scale is not None and not self.scaled_outside:
            values = _apply_scale(tf.cast(values, tf.float32), self.scale)
        if self.spec.shape != self.own.shape:
            values = tf.reshape(values, (-1, *self.own.shape[1:]))
        return tf.cast(values, self.own.dtype)

    def prepare(self, array: np.ndarray) -> np.ndarray:
        """An example as the served model takes it. Raises InputError if its values do not fit into the dtype."""
        if self.scaled_outside and self.scale is not None:
            array = np.asarray(_apply_scale(array.astype(np.float32), self.scale))
        converted = array.astype(self.spec.dtype, copy=False)
        if self.spec.dtype not in ("float32", array.dtype.name) and not np.array_equal(converted, array):
            raise InputError(
                f"the data for {self.spec.name} has {array.dtype} values that are no {self.spec.dtype}: give whole "
                "numbers within its range"
            )
        return converted.reshape(-1, *self.spec.shape[1:])


@dataclass(frozen=True, kw_only=True, eq=False)
class Preprocessing:
    """All inputs of a served model. `structure`: a nest of the model's own inputs as it wants to be called."""

    parts: tuple[InputPreprocessing, ...]
    structure: Any

    @property
    def computes(self) -> bool:
        """Whether the served model does more before the model than to hand over what it gets."""
        return any(part.computes for part in self.parts)

    @property
    def in_words(self) -> str:
        """What a caller has to do, in words."""
        return "; ".join(dict.fromkeys(part.in_words for part in self.parts))

    @property
    def pixel_scale(self) -> tuple[float, float] | None:
        """The first scale that the served model computes."""
        return next((part.computed_scale for part in self.parts if part.computed_scale is not None), None)

    def arguments(self, tensors: Sequence[Any]) -> Any:
        """What to call the model with, given tensors in the order of `parts`."""
        converted = [part.convert(values) for part, values in zip(self.parts, tensors, strict=True)]
        return keras.tree.pack_sequence_as(self.structure, converted)

    def prepare(self, examples: np.ndarray | Arrays) -> dict[str, np.ndarray]:
        """Examples as the served model takes them, by the names of its inputs."""
        by_name = _by_name(examples, [part.own for part in self.parts])
        return {part.spec.name: part.prepare(by_name[part.own.name]) for part in self.parts}


def make_preprocessing(file: KerasFile, options: ServingOptions, examples: np.ndarray | Arrays | None) -> Preprocessing:
    """Decide how the model of the file is fed.

    `examples`: verification inputs, an array or one for each input; None where a model's own inputs say everything.
    Raises InputError naming the input if it can't be served, or if the examples do not fit.
    """
    owned, structure = own_inputs(file.path, file.model, examples)
    if options.as_classifier and len(owned) != 1:
        raise InputError(
            f"{file.path} has {len(owned)} inputs but a classifier must have one, an image: export it with "
            "--outputs-only, which verifies a model by its outputs alone"
        )
    arrays: Arrays = {} if examples is None else _by_name(examples, owned)
    if len({len(array) for array in arrays.values()}) > 1:
        counts = ", ".join(f"{len(array)} for {name}" for name, array in arrays.items())
        raise InputError(f"the data has {counts}: give every input of {file.path} as many examples")
    parts = []
    for own, name in zip(owned, valid_names([own.name for own in owned], taken=()), strict=True):
        array = arrays.get(own.name)
        is_image = _is_image(array, own, options)
        part = (_image_input if is_image else _plain_input)(file, own, options, array)
        outside = INPUT_NAME if is_image and options.wrap and len(owned) == 1 else name
        parts.append(dataclasses.replace(part, spec=dataclasses.replace(part.spec, name=outside)))
    if options.pixel_scale is not None and not any(part.scale for part in parts):
        raise InputError(f"{file.path} takes no uint8 images, which --pixel-scale is about: leave it out")
    return Preprocessing(parts=tuple(parts), structure=structure)


def _by_name(examples: np.ndarray | Arrays, owned: Sequence[TensorSpec]) -> dict[str, np.ndarray]:
    wanted = [own.name for own in owned]
    if not isinstance(examples, Mapping):
        if len(owned) != 1:
            raise InputError(
                f"the model has {len(owned)} inputs but the data is a single array: give one for each of "
                f"{', '.join(wanted)}"
            )
        return {wanted[0]: examples}
    if set(examples) != set(wanted):
        raise InputError(
            f"the data is for {', '.join(sorted(examples))} but the model's inputs are {', '.join(wanted)}: name the "
            "data after the inputs"
        )
    return {name: np.asarray(examples[name]) for name in wanted}


def _is_image(array: np.ndarray | None, own: TensorSpec, options: ServingOptions) -> bool:
    if array is None:
        return options.as_classifier or (len(own.shape) == 4 and own.dtype == "uint8")
    return options.as_classifier or (array.dtype == np.uint8 and array.ndim == 4)


def _image_input(
    file: KerasFile, own: TensorSpec, options: ServingOptions, array: np.ndarray | None
) -> InputPreprocessing:
    """The part of uint8 pixels, (batch, height, width, channels)."""
    if array is not None and array.dtype != np.uint8:
        raise InputError(
            f"the images have dtype {array.dtype} but must be uint8 pixel values 0 to 255: a model of other inputs is "
            "exported with --outputs-only"
        )
    image = own.shape[1:] if array is None else array.shape[1:]
    if len(image) != 3:
        raise InputError(
            f"{file.path} takes {own.dtype} {own.shape} but must take images (batch, height, width, channels): give "
            "the model such an input or export it with --outputs-only"
        )
    own = _fix(file, own, image)
    if not _may_be_reshaped(image, own.shape[1:]) or (array is not None and not len(array)):
        count = "images" if array is None else f"{len(array)}"
        raise InputError(
            f"{file.path} takes images of {own.shape[1:]} but the data has {count} of {image}: give the data that the "
            "model was made for"
        )
    scale = _scale(file, own, options)
    if options.wrap:
        spec = TensorSpec(name=own.name, dtype="uint8", shape=(None, *image))
        return InputPreprocessing(spec=spec, own=own, scale=scale)
    return InputPreprocessing(spec=_as_it_is(file, own), own=own, scale=scale, scaled_outside=scale is not None)


def _plain_input(
    file: KerasFile, own: TensorSpec, options: ServingOptions, array: np.ndarray | None
) -> InputPreprocessing:
    """The part of values that the model gets as they are."""
    own = _fix(file, own, own.shape[1:] if array is None else array.shape[1:])
    if array is not None and (array.shape[1:] != own.shape[1:] or not len(array)):
        raise InputError(
            f"{file.path} takes {own.name} of {own.shape[1:]} but the data has {len(array)} of {array.shape[1:]}: give "
            "the data that the model was made for"
        )
    widened = own.dtype in ("float16", "bfloat16", "float64") and options.wrap
    spec = _as_it_is(file, dataclasses.replace(own, dtype="float32") if widened else own)
    if array is not None and not np.can_cast(array.dtype, spec.dtype, casting="same_kind"):
        raise InputError(
            f"{file.path} takes {own.name} as {own.dtype} but the data has {array.dtype}: convert the data"
        )
    return InputPreprocessing(spec=spec, own=own)


def _as_it_is(file: KerasFile, own: TensorSpec) -> TensorSpec:
    if own.dtype not in INPUT_DTYPES:
        raise InputError(
            f"{file.path} takes {own.name} as {own.dtype} but exported inputs are {', '.join(INPUT_DTYPES)}: give the "
            "model such an input"
        )
    return own


def _fix(file: KerasFile, own: TensorSpec, sizes: Sequence[int | None]) -> TensorSpec:
    """The input with a size for every dimension but the batch, taken from the data where the model leaves it open."""
    if len(own.shape) < 2:
        raise InputError(f"{file.path} takes {own.name} of shape {own.shape} but must take (batch, values, …)")
    if own.shape[0] is not None:
        raise InputError(
            f"{file.path} takes batches of {own.shape[0]} only but must take any batch: leave the batch size of "
            "its input out"
        )
    given = sizes if len(sizes) == len(own.shape) - 1 else own.shape[1:]
    shape = tuple(size if size is not None else other for size, other in zip(own.shape[1:], given, strict=True))
    if None in shape:
        raise InputError(
            f"{file.path} takes {own.name} of any size, {own.shape}, but exported inputs have a fixed one: give data "
            "of that size"
        )
    return dataclasses.replace(own, shape=(None, *shape))


def _may_be_reshaped(image: Sequence[int | None], own: Sequence[int | None]) -> bool:
    """Whether the model takes the image itself, without its single channel, or as one row of values."""
    sizes = [size for size in image if size is not None]
    return tuple(own) in (tuple(image), tuple(image[:-1]) if image[-1] == 1 else (), (math.prod(sizes),))


def _scale(file: KerasFile, own: TensorSpec, options: ServingOptions) -> tuple[float, float] | None:
    if not own.dtype.startswith(("float", "bfloat")):
        if options.pixel_scale is not None:
            raise InputError(f"{file.path} takes {own.dtype} pixels as they are: leave --pixel-scale out")
        return None
    if options.pixel_scale is not None:
        return options.pixel_scale
    if scales_pixels(file.model):
        return RAW
    raise InputError(
        f"{file.path} takes {own.dtype} but images are uint8 pixels: say by --pixel-scale what it was trained on: unit "
        "(0 to 1), signed (-1 to 1), raw (0 to 255) or FACTOR,OFFSET"
    )


def _apply_scale(values: Any, scale: tuple[float, float]) -> Any:
    factor, offset = np.float32(scale[0]), np.float32(scale[1])
    values = values if factor == 1 else values * factor
    return values if offset == 0 else values + offset
