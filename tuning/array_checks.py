"""Arrays at the door: images, labels and class names as everything behind the door may expect them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tuning.errors import InputError

Pixels = NDArray[np.uint8]
Classes = NDArray[np.int64]

MAX_CLASSES = 1000


def checked_images(key: str, array: NDArray[np.generic]) -> Pixels:
    """As uint8 (examples, height, width, channels); three axes get a channel. Raises InputError naming `key`."""
    if array.dtype != np.uint8:
        raise InputError(
            f"{key} has dtype {array.dtype}{nan_note(array)} but images must be uint8 pixel values 0 to 255: "
            "convert it, multiplying by 255 if it holds 0 to 1"
        )
    if array.ndim == 3:
        array = array[..., np.newaxis]
    if array.ndim != 4:
        raise InputError(
            f"{key} has shape {array.shape} but images must be (examples, height, width) or (examples, height, "
            "width, channels)"
        )
    if array.shape[-1] not in (1, 3):
        raise InputError(f"{key} has shape {array.shape} but images need 1 or 3 channels")
    if 0 in array.shape:
        raise InputError(f"{key} has shape {array.shape} and so holds no images: give at least one")
    return np.ascontiguousarray(array, dtype=np.uint8)


def checked_labels(key: str, array: NDArray[np.generic]) -> Classes:
    """As int64 (examples,). Raises InputError naming `key` for anything but whole numbers from 0."""
    if not np.issubdtype(array.dtype, np.integer):
        raise InputError(f"{key} has dtype {array.dtype}{nan_note(array)} but labels must be whole numbers from 0")
    if array.ndim != 1:
        raise InputError(f"{key} has shape {array.shape} but labels must have shape (examples,)")
    if len(array) and int(array.min()) < 0:
        raise InputError(f"{key} holds the label {int(array.min())} but labels must be 0 or more")
    if len(array) and int(array.max()) > np.iinfo(np.int64).max:
        raise InputError(f"{key} holds the label {int(array.max())} but labels must be below {MAX_CLASSES}")
    return array.astype(np.int64)


def nan_note(array: NDArray[np.generic]) -> str:
    """How many NaN the array holds, as a part of a sentence; empty if none."""
    if not np.issubdtype(array.dtype, np.floating):
        return ""
    count = int(np.isnan(array.astype(np.float64)).sum())
    return f" and holds {count} NaN" if count else ""


def checked_class_names(array: NDArray[np.generic]) -> tuple[str, ...]:
    """As texts. Raises InputError unless it is one axis of different texts, none of them empty."""
    if array.dtype.kind != "U" or array.ndim != 1:
        raise InputError(
            f"class_names has dtype {array.dtype} and shape {array.shape} but must be texts of shape (classes,)"
        )
    names = tuple(str(name).strip() for name in array)
    if len(set(names)) < len(names) or "" in names:
        raise InputError(f"class_names holds {', '.join(names[:10])} but every class needs a name of its own")
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
        raise InputError(f"y_train has {num_classes} classes but 2 to {MAX_CLASSES} can be told apart")
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
