"""Images and labels → batches for training and validation, with light affine augmentation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tuning.data.dataset import Split
from tuning.settings import Feed, Labels
from tuning.training.built import Recipe

VALIDATION_BATCH = 500

MAX_SHIFT = 0.055
MAX_ROTATION = math.radians(10)
MAX_SHEAR = 0.22
MAX_STRETCHING = 0.14


def steps_per_epoch(examples: int, batch_size: int, *, parts: int = 1) -> int:
    """Training steps that show every image once, or one of so many `parts`; the last batch may be smaller."""
    return math.ceil(math.ceil(examples / batch_size) / parts)


def training_batches(
    split: Split, *, recipe: Recipe, seed: int, feed: Feed, first_step: int = 0, weights: Any = None
) -> tf.data.Dataset:
    """Endless batches that show all images again and again, each time in another order; those from `first_step` on.

    A batch holds images (batch, height, width, channels), uint8 or float32, and labels: int64 (batch,) or float32
    (batch, classes), both as `feed` says. Several inputs come as a mapping, numbers to predict as they are. Where
    examples have `weights`, (examples, …) for each output, those of the batch are there too.
    Augmentation is for images that show classes, and leaves anything else alone: what a number says of an image may
    change when the image is turned.

    What step n shows depends on `seed` and n alone, so a training that continues from step n sees what an uninterrupted
    one sees, and images on disk are shown as the same ones in memory would be.
    """
    read, answers = _reader(split), _answers(split, feed, weights)
    examples = len(split)
    first_pass, steps_before = divmod(first_step, steps_per_epoch(examples, recipe.batch_size))
    augments = recipe.augmentation > 0 and split.shows_classes

    def indices_of(number: tf.Tensor) -> tf.data.Dataset:
        key = tf.random.experimental.stateless_fold_in(tf.constant([seed, 0], tf.int64), number)
        order = tf.random.experimental.stateless_shuffle(tf.range(examples), seed=key)
        batches = tf.data.Dataset.from_tensor_slices(order).batch(recipe.batch_size)
        return batches.map(lambda indices: (key, indices))

    def batch(key: tf.Tensor, indices: tf.Tensor) -> tuple[Any, ...]:
        chosen = read(indices)
        if augments:
            key = tf.random.experimental.stateless_fold_in(key, indices[0])
            chosen = _augment(chosen, key, strength=recipe.augmentation)
        labels, *weights = answers(indices)
        return _scale(chosen, feed), _smooth(labels, recipe.label_smoothing), *weights

    passes = tf.data.Dataset.counter(first_pass).flat_map(indices_of).skip(steps_before)
    return _without_autotune(passes.map(batch, num_parallel_calls=2, deterministic=True).prefetch(2))


def epoch_batches(split: Split, *, batch_size: int, seed: int, feed: Feed, weights: Any = None) -> tf.data.Dataset:
    """Every image once, in batches like those of `training_batches`, in another order each time it is gone through."""
    read, answers = _reader(split), _answers(split, feed, weights)
    order = tf.data.Dataset.range(len(split)).shuffle(len(split), seed=seed, reshuffle_each_iteration=True)

    def batch(indices: tf.Tensor) -> tuple[Any, ...]:
        return _scale(read(indices), feed), *answers(indices)

    batches = order.batch(batch_size).map(batch, num_parallel_calls=2, deterministic=True).prefetch(2)
    return _without_autotune(batches)


def validation_batches(split: Split, *, feed: Feed) -> tf.data.Dataset:
    """All images once, in order, in batches like those of `training_batches`."""
    if split.is_on_disk:
        read, labels = _reader(split), _constant(split.labels)
        indices = tf.data.Dataset.range(len(split)).batch(VALIDATION_BATCH)
        plain = indices.map(
            lambda chosen: (read(chosen), _gather(labels, chosen)), num_parallel_calls=2, deterministic=True
        ).prefetch(2)
    else:
        plain = tf.data.Dataset.from_tensor_slices((split.images, split.labels)).batch(VALIDATION_BATCH)
    return _without_autotune(plain.map(lambda images, labels: (_scale(images, feed), _encode(labels, feed))))


def _reader(split: Split) -> Callable[[tf.Tensor], Any]:
    """Indices (batch,) → the images, or each input's values, there."""
    if not split.is_on_disk:
        in_memory = _constant(split.images)
        return lambda indices: _gather(in_memory, indices)
    shape, dtype = split.images.shape[1:], tf.as_dtype(split.images.dtype)

    def from_disk(indices: tf.Tensor) -> tf.Tensor:
        images = tf.numpy_function(split.read, [indices], dtype)
        images.set_shape((None, *shape))
        return images

    return from_disk


def _answers(split: Split, feed: Feed, weights: Any) -> Callable[[tf.Tensor], tuple[Any, ...]]:
    """Indices (batch,) → the labels there as the loss wants them, and what there is of `weights` there."""
    labels, known = _constant(split.labels), () if weights is None else (_constant(weights),)
    return lambda indices: (_encode(_gather(labels, indices), feed), *(_gather(each, indices) for each in known))


def _without_autotune(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Switch tf.data's tuning thread off.

    Whenever an iterator ends, that thread is waited for, and it wakes only at the end of its current sleep: every
    epoch and every evaluation of a small model stalled for up to as long as it had run. With two cores there is
    nothing for it to tune.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.with_options(options)


def _constant(values: Any) -> Any:
    return tf.nest.map_structure(tf.constant, values)


def _gather(values: Any, indices: tf.Tensor) -> Any:
    return tf.nest.map_structure(lambda each: tf.gather(each, indices), values)


def _encode(labels: Any, feed: Feed) -> Any:
    if isinstance(labels, Mapping):
        named = {
            name: tf.one_hot(values, feed.one_hot[name], dtype=tf.float32) if name in feed.one_hot else values
            for name, values in labels.items()
        }
        return tuple(named[name] for name in feed.outputs) if feed.outputs else named
    if feed.labels is Labels.INTEGER:
        return labels
    return tf.one_hot(labels, feed.num_classes, dtype=tf.float32)


def _scale(images: Any, feed: Feed) -> Any:
    if feed.pixel_scale is not None:
        factor, offset = feed.pixel_scale
        images = tf.nest.map_structure(lambda values: tf.cast(values, tf.float32) * factor + offset, images)
    return images if feed.shape is None else tf.reshape(images, (-1, *feed.shape))


def _smooth(labels: Any, share: float) -> Any:
    """One-hot labels with a share of each spread over all classes (Szegedy et al., CVPR 2016)."""
    return labels * (1.0 - share) + share / tf.cast(tf.shape(labels)[-1], tf.float32) if share > 0 else labels


def _augment(images: tf.Tensor, key: tf.Tensor, *, strength: float) -> tf.Tensor:
    """Each image shifted, turned, sheared and stretched at random; what enters from outside repeats the border.

    `images`: uint8 (batch, height, width, channels). `key`: int64 (2,). `strength`: times the largest light changes.
    """
    shape = tf.shape(images)
    count, height, width = shape[0], tf.cast(shape[1], tf.float32), tf.cast(shape[2], tf.float32)
    draws = tf.random.stateless_uniform((6, count), seed=key, minval=-strength, maxval=strength)
    cos, sin, shear = tf.cos(draws[0] * MAX_ROTATION), tf.sin(draws[0] * MAX_ROTATION), draws[1] * MAX_SHEAR
    wide, high = tf.exp(draws[2] * MAX_STRETCHING), tf.exp(draws[3] * MAX_STRETCHING)
    x_by_x, x_by_y = cos * wide, (cos * shear - sin) * high
    y_by_x, y_by_y = sin * wide, (sin * shear + cos) * high
    center_x, center_y = (width - 1) / 2, (height - 1) / 2
    shift_x = center_x - x_by_x * center_x - x_by_y * center_y + draws[4] * MAX_SHIFT * width
    shift_y = center_y - y_by_x * center_x - y_by_y * center_y + draws[5] * MAX_SHIFT * height
    zero = tf.zeros_like(cos)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([x_by_x, x_by_y, shift_x, y_by_x, y_by_y, shift_y, zero, zero], axis=1),
        output_shape=shape[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )
