"""What a model is to answer, where that is no class of an image: numbers, masks, images, several things by name."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tuning.data.array_checks import Array, check_labels
from tuning.errors import InputError


def target_names(arrays: Mapping[str, Array], *, name: str) -> list[str]:
    """The names of the outputs in order, or none where a single one goes without. Raises InputError for both."""
    prefix = "y_train_"
    names = sorted(key.removeprefix(prefix) for key in arrays if key.startswith(prefix))
    if names and "y_train" in arrays:
        raise InputError(f"{name} holds y_train beside y_train_{names[0]}: name every output, or have only one")
    return names


def target_keys(part: str, names: list[str]) -> list[str]:
    """The arrays that hold them."""
    return [f"y_{part}_{name}" for name in names] if names else [f"y_{part}"]


def check_target(key: str, array: Array) -> Array:
    """Numbers as float32, (examples, …); whole ones (examples,) from 0 as int64, those of masks and images as they are.

    Raises InputError naming `key` for anything else.
    """
    if array.ndim == 0 or 0 in array.shape:
        raise InputError(f"{key} has shape {array.shape} and so holds no examples: give at least one")
    if np.issubdtype(array.dtype, np.floating):
        with np.errstate(over="ignore"):
            numbers = array.astype(np.float32)
        check_finite(key, numbers)
        return numbers
    if array.ndim == 1 or array.shape[1:] == (1,):
        return check_labels(key, array)
    if array.dtype == np.bool_:
        return array.astype(np.uint8)
    if not np.issubdtype(array.dtype, np.integer):
        raise InputError(f"{key} has dtype {array.dtype} but targets must be numbers")
    return array if array.dtype == np.uint8 else array.astype(np.int32)


def check_finite(key: str, array: Array) -> None:
    """Raise InputError for NaN and infinity."""
    if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
        count = int((~np.isfinite(array)).sum())
        raise InputError(f"{key} holds {count} values that are NaN or infinite as float32: fix or leave them out")
