"""Examples for models that are no image classifiers: numbers to predict, and several inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuning.array_checks import checked_labels
from tuning.dataset import Dataset, make_dataset, what_to_know
from tuning.errors import InputError
from tuning.split import SealedSplit, Split, digest_of

Arrays = Mapping[str, NDArray[Any]]

PARTS = ("train", "test", "validation")
DTYPES = ("uint8", "int32", "int64", "float32")


def dataset_of(arrays: Arrays, *, name: str, class_names: tuple[str, ...] | None = None) -> Dataset:
    """Whatever data set the arrays make: general if an input has a name or all labels are floating point.

    Otherwise one of images that show classes. Raises InputError as `make_dataset` and `make_general_dataset` do.
    """
    labels = [arrays[key] for key in ("y_train", "y_test") if key in arrays]
    is_measured = len(labels) == 2 and all(np.issubdtype(array.dtype, np.floating) for array in labels)
    if is_measured or any(key.startswith("x_train_") for key in arrays):
        if class_names is not None or "class_names" in arrays:
            raise InputError(
                f"{name} has class names, but they go with one image and one whole number for each example"
            )
        return make_general_dataset(arrays, name=name)
    return make_dataset(arrays, name=name, class_names=class_names)


def make_general_dataset(arrays: Arrays, *, name: str) -> Dataset:
    """Check the arrays and make a data set without classes of them.

    Inputs: `x_train`, or `x_train_NAME` for each input NAME; uint8, int32, int64, float32 or float64 (kept as
    float32), the first axis being the examples. Labels: `y_train`, floating point (examples,) or (examples, targets),
    or whole numbers (examples,) from 0. The same for `test`, and for `validation` if there is one. Raises InputError
    naming the array that is missing, unlike the training one, or holds NaN or infinity.
    """
    parts = [part for part in PARTS if part != "validation" or any("_validation" in key for key in arrays)]
    names = _input_names(arrays, name)
    _require(arrays, [f"{key}" for part in parts for key in _keys(part, names)], name)
    splits = {part: _split(arrays, part, names) for part in parts}
    for part in parts[1:]:
        _check_alike(splits, part, names)
    return Dataset(
        name=name,
        digest=digest_of(splits),
        class_names=(),
        training=splits["train"],
        test=SealedSplit(_split=splits["test"]),
        validation=splits.get("validation"),
        warnings=what_to_know(splits, ()),
    )


def _input_names(arrays: Arrays, name: str) -> list[str]:
    """The names of the inputs in order, or none where a single one goes without."""
    prefix = "x_train_"
    names = sorted(key.removeprefix(prefix) for key in arrays if key.startswith(prefix))
    if names and "x_train" in arrays:
        raise InputError(f"{name} holds x_train beside x_train_{names[0]}: name every input, or have only one")
    return names


def _keys(part: str, names: list[str]) -> list[str]:
    return [*([f"x_{part}_{name}" for name in names] if names else [f"x_{part}"]), f"y_{part}"]


def _require(arrays: Arrays, keys: list[str], name: str) -> None:
    missing = [key for key in keys if key not in arrays]
    if missing:
        raise InputError(
            f"{name} lacks {', '.join(missing)}: it must hold {', '.join(keys)}, found {', '.join(arrays)}"
        )
    of_inputs = {key for key in arrays if key.startswith("x_")}
    if unknown := sorted(of_inputs - set(keys)):
        raise InputError(f"{name} holds {', '.join(unknown)}, which the training data lacks: give it for train too")


def _split(arrays: Arrays, part: str, names: list[str]) -> Split:
    *inputs, y = _keys(part, names)
    values = {key: _checked(key, arrays[key]) for key in inputs}
    labels = _checked_targets(y, arrays[y])
    for key, array in values.items():
        if len(array) != len(labels):
            raise InputError(
                f"{key} has {len(array)} examples but {y} has {len(labels)}: give a label for each example, and every "
                "input of it"
            )
    if names:
        return Split(images=dict(zip(names, values.values(), strict=True)), labels=labels)
    (single,) = values.values()
    is_grey = single.dtype == np.uint8 and single.ndim == 3
    return Split(images=single[..., np.newaxis] if is_grey else single, labels=labels)


def _checked(key: str, array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype == np.float64:
        # What becomes infinite here is counted below.
        with np.errstate(over="ignore"):
            array = array.astype(np.float32)
    if array.dtype.name not in DTYPES:
        raise InputError(f"{key} has dtype {array.dtype} but an input must be {', '.join(DTYPES)} or float64")
    if array.ndim == 0 or 0 in array.shape:
        raise InputError(f"{key} has shape {array.shape} and so holds no examples: give at least one")
    _check_finite(key, array)
    return np.ascontiguousarray(array)


def _checked_targets(key: str, array: NDArray[Any]) -> NDArray[Any]:
    if not np.issubdtype(array.dtype, np.floating):
        return checked_labels(key, array)
    if array.ndim not in (1, 2) or 0 in array.shape:
        raise InputError(
            f"{key} has shape {array.shape} but numbers to predict must have shape (examples,) or (examples, targets)"
        )
    with np.errstate(over="ignore"):
        targets = array.astype(np.float32)
    _check_finite(key, targets)
    return targets


def _check_finite(key: str, array: NDArray[Any]) -> None:
    if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
        count = int((~np.isfinite(array)).sum())
        raise InputError(f"{key} holds {count} values that are NaN or infinite as float32: mend or leave them out")


def _check_alike(splits: Mapping[str, Split], part: str, names: list[str]) -> None:
    arrays = [
        {**(split.images if names else {"": split.images}), "y": split.labels}
        for split in (splits["train"], splits[part])
    ]
    for trained, given, key in zip(*(each.values() for each in arrays), _keys(part, names), strict=True):
        if (trained.dtype, trained.shape[1:]) != (given.dtype, given.shape[1:]):
            raise InputError(
                f"{key} has dtype {given.dtype} and shape {given.shape} but {key.replace(part, 'train', 1)} has "
                f"{trained.dtype} and {trained.shape}: all but the number of examples must be the same"
            )
