"""Data that a program hands over: arrays, and `tf.data` pipelines, which are read once into a mapped file."""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tuning.data.array_checks import (
    Array,
    Classes,
    Pixels,
    check_class_names,
    check_classes,
    check_images,
    check_labels,
)
from tuning.data.array_options import DEFAULT, ArrayOptions
from tuning.data.arrays.array_data import dataset_from
from tuning.data.arrays.label_forms import as_array, as_classes
from tuning.data.dataset import Dataset, what_to_know
from tuning.data.image_store import NewEntry, new_entry
from tuning.data.split import SealedSplit
from tuning.errors import InputError

INFINITE = -1
"""What `tf.data.Dataset.cardinality()` answers for one that never ends."""


def from_arrays(
    training: tuple[Array | Mapping[str, Array], Array],
    test: tuple[Array | Mapping[str, Array], Array] | None = None,
    *,
    validation: tuple[Array | Mapping[str, Array], Array] | None = None,
    class_names: Sequence[str] | None = None,
    name: str = "arrays",
    options: ArrayOptions = DEFAULT,
) -> Dataset:
    """A data set of pairs (images, labels); without `test` or `validation`, training examples are set apart for it.

    Images: uint8 (examples, height, width) or (examples, height, width, 1 or 3). Labels: whole numbers (examples,) or
    (examples, 1) from 0, names, or one-hot rows. For other models the images may be one array of uint8, int32, int64,
    float32 or float64, or a mapping from input names to such, and the labels floating point (examples,) or (examples,
    targets). `options` say whether labels are classes where they could be numbers, too; `weigh_examples` gives
    examples weights. Raises InputError naming the part, as `x_train`, `y_test` and so on.
    """
    arrays: dict[str, Array] = {}
    for part, pair in (("train", training), ("test", test), ("validation", validation)):
        if pair is None:
            continue
        images, labels = pair
        named = images if isinstance(images, Mapping) else {"": images}
        arrays |= {f"x_{part}{f'_{key}' if key else ''}": np.asarray(values) for key, values in named.items()}
        arrays[f"y_{part}"] = as_array(f"y_{part}", labels)
    names = check_class_names(np.array(class_names)) if class_names is not None else None
    return dataset_from(arrays, name=name, class_names=names, options=options)


def from_tf_data(
    training: Any, test: Any, *, class_names: Sequence[str], validation: Any = None, cache: Path | None = None
) -> Dataset:
    """A data set of finite `tf.data.Dataset`s of (image, label), batched or not.

    Images: (height, width, 1 or 3), all of one shape, uint8, or numbers that are whole and 0 to 255. Labels: whole
    numbers from 0, some of the `class_names`, or one-hot rows of as many values as there are names. Each pipeline is
    read once, into files under `cache` that are mapped into memory; None: into a folder that goes when the program
    ends. Raises InputError for anything else, and for a disk that does not take the pixels.
    """
    names = check_class_names(np.array(list(class_names)))
    parts = {"train": training, "test": test}
    if validation is not None:
        parts["validation"] = validation
    for part, examples in parts.items():
        if int(examples.cardinality()) == INFINITE:
            raise InputError(f"the {part} data never ends: leave out repeat(), or end it with take()")
    with new_entry(cache if cache is not None else _passing_store()) as new:
        digest = hashlib.sha256(" ".join(names).encode())
        labels = {part: _spool(new, part, examples, names, digest) for part, examples in parts.items()}
        check_classes({f"y_{part}": values for part, values in labels.items()}, len(names))
        _check_shapes(new)
        entry = new.keep(digest.hexdigest(), notes={})
    return Dataset(
        name="tf.data",
        digest=digest.hexdigest(),
        class_names=names,
        training=entry.splits["train"],
        test=SealedSplit(_split=entry.splits["test"]),
        validation=entry.splits.get("validation"),
        warnings=what_to_know(entry.splits, names),
    )


def _passing_store() -> Path:
    store = Path(tempfile.mkdtemp(prefix="images-"))
    atexit.register(shutil.rmtree, store, ignore_errors=True)
    return store


def _spool(new: NewEntry, part: str, examples: Any, class_names: Sequence[str], digest: Any) -> Classes:
    """Write a part's images as they come; its labels. The digest does not depend on how they are batched."""
    pixels, shown = hashlib.sha256(), []
    shape: tuple[int, ...] | None = None
    for images, labels in _batches(part, examples, class_names):
        if shape is not None and images.shape[1:] != shape:
            raise InputError(f"x_{part} has images of shape {shape} and of {images.shape[1:]}: all must be the same")
        shape = images.shape[1:]
        new.part(part, (shape[0], shape[1], shape[2])).append(images, labels)
        pixels.update(images.data)
        shown.append(labels)
    if not shown:
        raise InputError(f"the {part} data is empty: give at least one example")
    values = np.concatenate(shown)
    digest.update(f"{part} {shape}".encode() + pixels.digest() + values.tobytes())
    return values


def _batches(part: str, examples: Any, class_names: Sequence[str]) -> Iterator[tuple[Pixels, Classes]]:
    for element in examples.as_numpy_iterator():
        if not isinstance(element, tuple) or len(element) != 2 or not all(map(_is_array, element)):
            raise InputError(f"the {part} data must give pairs (image, label), got {type(element).__name__}")
        images, labels = (np.asarray(each) for each in element)
        if images.ndim == 3:
            images, labels = images[np.newaxis], labels[np.newaxis]
        if images.ndim != 4:
            raise InputError(
                f"x_{part} gives images of shape {images.shape} but each must be (height, width, channels), or "
                "(batch, height, width, channels)"
            )
        if labels.shape[:1] != images.shape[:1]:
            raise InputError(
                f"y_{part} has shape {labels.shape} for {len(images)} images: give one label for each image"
            )
        numbers = as_classes(f"y_{part}", labels, class_names)
        yield check_images(f"x_{part}", _as_pixels(part, images)), check_labels(f"y_{part}", numbers)


def _is_array(value: Any) -> bool:
    """Whether a pipeline's value has a shape, or is a single name."""
    return hasattr(value, "shape") or isinstance(value, bytes)


def _as_pixels(part: str, images: Array) -> Array:
    if images.dtype == np.uint8 or not np.issubdtype(images.dtype, np.number):
        return images
    # Written so that NaN fails.
    if not ((images >= 0) & (images <= 255) & (images == np.floor(images))).all():
        raise InputError(
            f"x_{part} has dtype {images.dtype} and values from {images.min()} to {images.max()} but must hold whole "
            "pixel values 0 to 255: undo what scales them, and leave that to the model"
        )
    return images.astype(np.uint8)


def _check_shapes(new: NewEntry) -> None:
    shapes = {part: writer.image_shape for part, writer in new.writers.items()}
    for part, shape in shapes.items():
        if shape != shapes["train"]:
            raise InputError(f"x_train has images of shape {shapes['train']} but x_{part} of {shape}: make them alike")
