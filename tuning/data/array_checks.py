"""Arrays at the door: images, labels and class names as everything behind the door may expect them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuning.errors import InputError
from tuning.plain_names import flaw, readable

Pixels = NDArray[np.uint8]
Classes = NDArray[np.int64]
Array = NDArray[Any]
Arrays = Mapping[str, Array]
"""By name, as they were given."""

MAX_CLASSES = 1000


def check_images(key: str, array: NDArray[np.generic]) -> Pixels:
    """As uint8 (examples, height, width, channels); three axes get a channel. Raises InputError naming `key`."""
    if array.dtype != np.uint8:
        raise InputError(
            f"{key} has dtype {array.dtype}{nan_note(array)} but images must be uint8 pixel values 0 to 255: "
            f"{_how_to_convert(key, array)}"
        )
    if array.ndim == 3:
        array = array[..., np.newaxis]
    if array.ndim != 4:
        raise InputError(
            f"{key} has shape {array.shape} but images must be (examples, height, width) or (examples, height, "
            "width, channels)"
        )
    if array.shape[-1] not in (1, 3):
        raise InputError(f"{key} has shape {array.shape} but images need 1 or 3 channels{_other_axes(key, array)}")
    if 0 in array.shape:
        raise InputError(f"{key} has shape {array.shape} and so holds no images: give at least one")
    return np.ascontiguousarray(array, dtype=np.uint8)


def check_labels(key: str, array: NDArray[np.generic]) -> Classes:
    """As int64 (examples,); (examples, 1) will do. Raises InputError naming `key` unless all are whole, from 0."""
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if not np.issubdtype(array.dtype, np.integer):
        raise InputError(f"{key} has dtype {array.dtype}{nan_note(array)} but labels must be whole numbers from 0")
    if array.ndim != 1:
        raise InputError(f"{key} has shape {array.shape} but labels must have shape (examples,)")
    if len(array) and int(array.min()) < 0:
        raise InputError(f"{key} holds the label {int(array.min())} but labels must be 0 or more")
    if len(array) and int(array.max()) > np.iinfo(np.int64).max:
        raise InputError(f"{key} holds the label {int(array.max())} but labels must be below {MAX_CLASSES}")
    return array.astype(np.int64)


def _how_to_convert(key: str, array: NDArray[np.generic]) -> str:
    """What makes pixel values of other numbers, for the end of a sentence: by what they are multiplied, and how."""
    if array.dtype.kind == "b":
        return f"multiply by 255 and convert, ({key} * 255).astype('uint8')"
    if array.dtype.kind not in "iuf" or not array.size or not np.isfinite(array).all():
        return "convert it, multiplying by 255 if it holds 0 to 1"
    low, high = float(array.min()), float(array.max())
    if array.dtype.kind != "f" and low >= 0 and high <= 255:
        return f"convert it, {key}.astype('uint8')"
    if low >= 0 and high <= 1:
        return f"multiply by 255 and convert, ({key} * 255).round().astype('uint8')"
    if low >= 0 and high <= 255:
        return f"round and convert it, {key}.round().astype('uint8')"
    if low >= -1 and high <= 1:
        return f"shift it to 0 to 255 and convert, (({key} + 1) * 127.5).round().astype('uint8')"
    if array.dtype == np.uint16:
        return f"divide by 257 and convert, ({key} / 257).round().astype('uint8')"
    return f"it ranges from {low:g} to {high:g}, so undo what scaled it and convert it"


def _other_axes(key: str, array: NDArray[np.generic]) -> str:
    """What to do about images whose axes are in another order, or that have an alpha channel."""
    if array.shape[1] in (1, 3):
        return f", last: move them there, {key}.transpose(0, 2, 3, 1)"
    if array.shape[2] in (1, 3):
        return f", last, and the examples first: move them there, {key}.transpose(3, 0, 1, 2)"
    if array.shape[3] == 4:
        return (
            f": leave the alpha channel out, {key}[..., :3], or where it matters save the images as PNG files in a "
            "folder, which are put on white where they are transparent"
        )
    return ""


def nan_note(array: NDArray[np.generic]) -> str:
    """How many NaN the array holds, as a part of a sentence; empty if none."""
    if not np.issubdtype(array.dtype, np.floating):
        return ""
    count = int(np.isnan(array.astype(np.float64)).sum())
    return f" and holds {count} NaN" if count else ""


def check_class_names(array: NDArray[np.generic], *, key: str = "class_names") -> tuple[str, ...]:
    """As strings. Raises InputError naming `key` unless it is one axis of different strings that can be shown."""
    if array.dtype.kind != "U" or array.ndim != 1:
        raise InputError(
            f"{key} has dtype {array.dtype} and shape {array.shape} but must be strings of shape (classes,)"
        )
    names = tuple(str(name).strip() for name in array)
    flawed = [name for name in names if flaw(name)]
    if flawed:
        raise InputError(f"{key} holds the name {readable(flawed[0])}, which {flaw(flawed[0])}: rename the class")
    if len(set(names)) < len(names) or "" in names:
        raise InputError(f"{key} holds {', '.join(names[:10])} but every class needs a name of its own")
    return names


def check_same_length(part: str, images: NDArray[np.generic], labels: NDArray[np.generic]) -> None:
    """Raise InputError unless there is a label for each image of the part."""
    if len(images) != len(labels):
        raise InputError(
            f"x_{part} has {len(images)} images but y_{part} has {len(labels)} labels: give one label for each image"
        )


def check_classes(labels: Mapping[str, Classes], num_classes: int) -> None:
    """Raise InputError for labels that are no class, or classes that `y_train` lacks."""
    if not 2 <= num_classes <= MAX_CLASSES:
        raise InputError(f"y_train has {num_classes} classes but must have 2 to {MAX_CLASSES}")
    for key, values in labels.items():
        if int(values.max()) >= num_classes:
            raise InputError(
                f"{key} holds the label {int(values.max())} but the {num_classes} classes are numbered 0 to "
                f"{num_classes - 1}"
            )
    empty = np.flatnonzero(np.bincount(labels["y_train"], minlength=num_classes) == 0)
    if len(empty):
        raise InputError(
            f"class {', '.join(map(str, empty[:5]))} has no training images: number the classes 0, 1, 2, … "
            "without gaps, or add images"
        )
