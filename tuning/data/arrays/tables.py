"""Examples for models that are no image classifiers: tables, numbers to predict, masks, several inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuning.data.array_checks import Arrays, check_class_names, check_classes
from tuning.data.dataset import Dataset, make_dataset, what_to_know
from tuning.data.split import SealedSplit, Split, digest_of
from tuning.data.targets import check_finite, check_target, target_keys, target_names
from tuning.errors import InputError

PARTS = ("train", "test", "validation")
DTYPES = ("uint8", "int32", "int64", "float32")


def dataset_of(arrays: Arrays, *, name: str, class_names: tuple[str, ...] | None = None) -> Dataset:
    """Whatever data set the arrays make.

    Images that show classes, if each example is one image and one whole number; a table of numbers that belong to
    classes, if it is a row and a whole number; else examples without classes: inputs or outputs with names, numbers to
    predict, masks and images. Raises InputError as `make_dataset` and `make_general_dataset` do.
    """
    labels = [arrays[key] for key in ("y_train", "y_test") if key in arrays]
    is_measured = len(labels) == 2 and all(np.issubdtype(array.dtype, np.floating) for array in labels)
    is_drawn = any(array.ndim > 2 for array in labels)
    if is_measured or is_drawn or any(key.startswith(("x_train_", "y_train_")) for key in arrays):
        if class_names is not None or "class_names" in arrays:
            raise InputError(
                f"{name} has class names, but they go with one input and one whole number for each example"
            )
        return make_general_dataset(arrays, name=name)
    if _is_table(arrays.get("x_train")):
        return _make_table(arrays, name=name, class_names=class_names)
    return make_dataset(arrays, name=name, class_names=class_names)


def make_general_dataset(arrays: Arrays, *, name: str) -> Dataset:
    """Check the arrays and make a data set without classes of them.

    Inputs: `x_train`, or `x_train_NAME` for each input NAME; uint8, int32, int64, float32 or float64 (kept as
    float32), the first axis being the examples. Targets: `y_train`, or `y_train_NAME` for each output NAME, as
    `check_target` takes them. The same for `test`, and for `validation` if there is one. Raises InputError naming
    the array that is missing, unlike the training one, or holds NaN or infinity.
    """
    splits = _splits(arrays, name=name)
    return _make_dataset(splits, name=name, class_names=())


def _is_table(inputs: NDArray[Any] | None) -> bool:
    """Whether an example is a row of numbers, and no image."""
    return inputs is not None and inputs.ndim <= 2


def _make_table(arrays: Arrays, *, name: str, class_names: tuple[str, ...] | None) -> Dataset:
    """Rows of numbers, each of one class. Raises InputError as for images, where classes are concerned."""
    splits = _splits({key: array for key, array in arrays.items() if key != "class_names"}, name=name)
    if class_names is None and "class_names" in arrays:
        class_names = check_class_names(arrays["class_names"])
    count = len(class_names) if class_names is not None else int(splits["train"].labels.max()) + 1
    check_classes({f"y_{part}": split.labels for part, split in splits.items()}, count)
    names = class_names if class_names is not None else tuple(str(label) for label in range(count))
    return _make_dataset(splits, name=name, class_names=names)


def _splits(arrays: Arrays, *, name: str) -> dict[str, Split]:
    parts = [part for part in PARTS if part != "validation" or any("_validation" in key for key in arrays)]
    inputs, targets = _input_names(arrays, name), target_names(arrays, name=name)
    keys = {part: [*_keys(part, inputs), *target_keys(part, targets)] for part in parts}
    _require(arrays, [key for part in parts for key in keys[part]], name)
    splits = {part: _split(arrays, part, inputs, targets) for part in parts}
    for part in parts[1:]:
        _check_alike(splits, part, keys)
    return splits


def _make_dataset(splits: Mapping[str, Split], *, name: str, class_names: tuple[str, ...]) -> Dataset:
    return Dataset(
        name=name,
        digest=digest_of(splits),
        class_names=class_names,
        training=splits["train"],
        test=SealedSplit(_split=splits["test"]),
        validation=splits.get("validation"),
        warnings=what_to_know(splits, class_names),
    )


def _input_names(arrays: Arrays, name: str) -> list[str]:
    """The names of the inputs in order, or none where a single one goes without."""
    prefix = "x_train_"
    names = sorted(key.removeprefix(prefix) for key in arrays if key.startswith(prefix))
    if names and "x_train" in arrays:
        raise InputError(f"{name} holds x_train beside x_train_{names[0]}: name every input, or have only one")
    return names


def _keys(part: str, names: list[str]) -> list[str]:
    return [f"x_{part}_{name}" for name in names] if names else [f"x_{part}"]


def _require(arrays: Arrays, keys: list[str], name: str) -> None:
    missing = [key for key in keys if key not in arrays]
    if missing:
        raise InputError(
            f"{name} lacks {', '.join(missing)}: it must hold {', '.join(keys)}, found {', '.join(arrays)}"
        )
    given = {key for key in arrays if key.startswith(("x_", "y_"))}
    if unknown := sorted(given - set(keys)):
        raise InputError(f"{name} holds {', '.join(unknown)}, which the training data lacks: give it for train too")


def _split(arrays: Arrays, part: str, inputs: list[str], targets: list[str]) -> Split:
    values = {key: _check(key, arrays[key]) for key in _keys(part, inputs)}
    answers = {key: check_target(key, arrays[key]) for key in target_keys(part, targets)}
    first = next(iter(answers))
    for key, array in (*values.items(), *answers.items()):
        if len(array) != len(answers[first]):
            raise InputError(
                f"{key} has {len(array)} examples but {first} has {len(answers[first])}: give a label for each "
                "example, and every input of it"
            )
    labels: Any = dict(zip(targets, answers.values(), strict=True)) if targets else answers[first]
    if inputs:
        return Split(images=dict(zip(inputs, values.values(), strict=True)), labels=labels)
    (single,) = values.values()
    is_grey = single.dtype == np.uint8 and single.ndim == 3
    return Split(images=single[..., np.newaxis] if is_grey else single, labels=labels)


def _check(key: str, array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype == np.float64:
        # What becomes infinite here is counted below.
        with np.errstate(over="ignore"):
            array = array.astype(np.float32)
    if array.dtype.name not in DTYPES:
        raise InputError(f"{key} has dtype {array.dtype} but an input must be {', '.join(DTYPES)} or float64")
    if array.ndim == 0 or 0 in array.shape:
        raise InputError(f"{key} has shape {array.shape} and so holds no examples: give at least one")
    check_finite(key, array)
    return np.ascontiguousarray(array)


def _check_alike(splits: Mapping[str, Split], part: str, keys: Mapping[str, list[str]]) -> None:
    arrays = [_arrays_of(splits["train"]), _arrays_of(splits[part])]
    for trained, given, key in zip(*arrays, keys[part], strict=True):
        if (trained.dtype, trained.shape[1:]) != (given.dtype, given.shape[1:]):
            raise InputError(
                f"{key} has dtype {given.dtype} and shape {given.shape} but {key.replace(part, 'train', 1)} has "
                f"{trained.dtype} and {trained.shape}: all but the number of examples must be the same"
            )


def _arrays_of(split: Split) -> list[NDArray[Any]]:
    """Those of the inputs, then those of the targets."""
    return [
        array
        for part in (split.images, split.labels)
        for array in (part.values() if isinstance(part, Mapping) else [part])
    ]
