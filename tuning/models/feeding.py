"""How examples are handed to a model that a user's code built: pixel values, and the form of the labels."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from tuning.data.array_feeding import scale_pixels
from tuning.data.dataset import Split
from tuning.errors import InputError
from tuning.failures import describe_failure
from tuning.models.losses import labels_for, require_classifier
from tuning.models.named_outputs import feed_of_outputs
from tuning.models.pixel_scaling import pixel_scale_for
from tuning.settings import Feed


def feed_for(
    model: keras.Model, examples: Split, *, num_classes: int, pixel_scale: tuple[float, float] | None, name: str
) -> Feed:
    """How examples like these are handed to the model, which gets its weights by this if it has none yet.

    `pixel_scale`: what its owner said, None for nothing. Raises InputError if they don't fit it; `name` is how messages
    call the model.
    """
    scale = pixel_scale
    if examples.holds_images:
        scale = pixel_scale_for(model, scale, name)
    elif scale is not None:
        raise InputError("`pixel_scale` is for data of images only: leave it out")
    feed = Feed(num_classes=num_classes, pixel_scale=scale, shape=_other_shape(model, examples, name))
    answers = answers_of(model, examples, feed, name=name)
    if isinstance(examples.labels, Mapping):
        return feed_of_outputs(model, answers, examples.labels, feed, name=name)
    if num_classes:
        require_classifier(answers, num_classes=num_classes, name=name)
    if not model.compiled or num_classes == 0:
        return feed
    labels = labels_for(model, answers, examples.labels, num_classes=num_classes, name=name)
    return dataclasses.replace(feed, labels=labels)


def _other_shape(model: keras.Model, examples: Split, name: str) -> tuple[int, ...] | None:
    """The shape in which the model takes the numbers of an image: in one row, or without the axis of a single channel.

    None where it takes examples as they are. Raises InputError for another shape: Keras itself lets some of them
    through, and axes in another order are other pixels.
    """
    inputs: Sequence[Any] = getattr(model, "inputs", None) or []
    if isinstance(examples.images, Mapping) or len(inputs) != 1:
        return None
    given, wanted = tuple(examples.images.shape[1:]), tuple(inputs[0].shape[1:])
    if len(given) == len(wanted) and all(side in (None, own) for side, own in zip(wanted, given, strict=True)):
        return None
    is_row = wanted == (math.prod(given),)
    is_same = [side for side in wanted if side != 1] == [side for side in given if side != 1]
    if None not in wanted and (is_row or is_same):
        return wanted
    raise InputError(
        f"{name} can't take the data, whose examples have shape {given}, as its input has {wanted}: make the model's "
        "input fit them"
    )


def answers_of(model: keras.Model, examples: Split, feed: Feed, *, name: str) -> Any:
    """What the model says to the examples. Raises InputError if it can't take them."""
    images = scale_pixels(examples, feed)
    try:
        if not model.built:
            # On numbers it would be built for this very number of examples.
            model(keras.tree.map_structure(_any_batch, images))
        return model(images, training=False)
    # A user's own layers may raise anything.
    except Exception as error:
        shapes = (
            {key: value.shape[1:] for key, value in images.items()} if isinstance(images, dict) else images.shape[1:]
        )
        raise InputError(
            f"{name} can't take the data, whose examples have shape {shapes} ({describe_failure(error)}): make the "
            "model's input fit them"
        ) from error


def _any_batch(examples: np.ndarray) -> keras.KerasTensor:
    return keras.KerasTensor((None, *examples.shape[1:]), dtype=examples.dtype.name)
