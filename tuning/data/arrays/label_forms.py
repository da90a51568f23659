"""The forms that labels come in: whole numbers, names, one-hot rows, columns, yes and no → numbered classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tuning.data.array_checks import MAX_CLASSES, Array, check_class_names, nan_note
from tuning.data.array_options import AUTO, NUMBERS
from tuning.errors import InputError
from tuning.plain_names import plain

MOST_VALUES, EXAMPLES_EACH = 100, 5
"""Floating-point labels that are whole count as classes if they have no more values, and on average as many training
examples of each: of ages, prices and counts there are more values, or fewer examples."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadLabels:
    """Labels by key: int64 (examples,) for classes, floating point for numbers to predict.

    `class_names`: None if neither the labels nor anything else names the classes. `notes`: sentences on what was
    assumed.
    """

    labels: Mapping[str, Array]
    class_names: tuple[str, ...] | None
    notes: tuple[str, ...] = ()


def read_labels(
    labels: Mapping[str, Array], *, kind: str, class_names: tuple[str, ...] | None, show_images: bool
) -> ReadLabels:
    """Number the classes that the labels are, unless they are numbers to predict, by `kind` or by what they hold.

    `labels`: `y_train` and what there is of the others. `show_images`: each belongs to one uint8 image, so that
    floating-point ones may be classes, too. Raises InputError naming the array for labels that are neither.
    """
    given = {key: as_array(key, array) for key, array in labels.items()}
    if kind == NUMBERS:
        numbers = {key: _as_numbers(key, array) for key, array in given.items()}
        return ReadLabels(labels=numbers, class_names=class_names)
    notes: tuple[str, ...] = ()
    if kind == AUTO and class_names is None and all(array.dtype.kind == "f" for array in given.values()):
        are_classes, notes = _look_at_floats(given) if show_images else (False, ())
        if not are_classes:
            return ReadLabels(labels=given, class_names=None, notes=notes)
    if class_names is None:
        _check_alike(given)
    names = class_names if class_names is not None else _names_in(given["y_train"])
    numbered = {key: as_classes(key, array, names) for key, array in given.items()}
    return ReadLabels(labels=numbered, class_names=names, notes=notes)


def number_names(labels: Mapping[str, Array]) -> tuple[dict[str, Array], tuple[str, ...]]:
    """Labels of outputs with names, those that are texts numbered in the order of their names, and notes on that.

    `labels`: `y_train_NAME` and what there is of `y_test_NAME` and `y_validation_NAME`. Raises InputError as
    `as_classes` does.
    """
    given = {key: as_array(key, array) for key, array in labels.items()}
    numbered, notes = dict(given), []
    for key, array in given.items():
        if not key.startswith("y_train_") or array.dtype.kind != "U":
            continue
        names = _names_in(array) or ()
        alike = {key.replace("train", part, 1) for part in ("train", "test", "validation")} & given.keys()
        numbered |= {other: as_classes(other, given[other], names) for other in alike}
        notes.append(f"{key} holds names, which are numbered in their order: {', '.join(names[:10])}")
    return numbered, tuple(notes)


def as_classes(key: str, labels: Any, class_names: Sequence[str] | None) -> Array:
    """The labels of one array as numbers of classes, (examples,); `class_names`: how names and columns are numbered.

    Whole numbers, and what has more than two axes, come back as they are, unchecked. Raises InputError naming `key`
    for names of no class, rows that are not one-hot, and numbers that are not whole.
    """
    array = _without_axis(as_array(key, labels))
    if array.ndim > 2:
        return array
    if array.dtype.kind == "U":
        return _from_names(key, array, class_names if class_names is not None else ())
    if array.ndim == 2:
        return _from_one_hot(key, array, class_names)
    if array.dtype.kind == "b":
        return array.astype(np.int64)
    return _from_floats(key, array) if array.dtype.kind == "f" else array


def as_array(key: str, labels: Any) -> Array:
    """The labels as an array, names as unicode. Raises InputError naming `key` for objects that are no names."""
    array = np.asarray(labels)
    if array.dtype.kind not in "OST":
        return array
    kinds = {type(label) for label in array.flat}
    if not all(issubclass(each, str | bytes) for each in kinds):
        raise InputError(
            f"{key} holds Python objects ({', '.join(sorted(each.__name__ for each in kinds))}): store whole numbers "
            f"with {key}.astype(int), or names with {key}.astype(str)"
        )
    # A byte that is not UTF-8 is found where names are checked.
    texts = [label if isinstance(label, str) else label.decode(errors="surrogateescape") for label in array.flat]
    return np.array(texts, dtype=np.str_).reshape(array.shape)


def _without_axis(array: Array) -> Array:
    """A column as (examples,)."""
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _check_alike(labels: Mapping[str, Array]) -> None:
    """Raise InputError if some arrays hold names and others numbers, which nothing connects."""
    named = [key for key, array in labels.items() if array.dtype.kind == "U"]
    numbered = [key for key, array in labels.items() if array.dtype.kind != "U"]
    if named and numbered:
        raise InputError(f"{named[0]} holds names but {numbered[0]} numbers: give both alike, or class_names with them")


def _as_numbers(key: str, array: Array) -> Array:
    if array.dtype.kind not in "biuf":
        raise InputError(f"{key} has dtype {array.dtype} and so holds no numbers to predict: read it as classes")
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def _names_in(array: Array) -> tuple[str, ...] | None:
    """The names of the classes, in their order, as far as training labels tell them."""
    if array.ndim > 2:
        return None
    if array.dtype.kind == "U":
        return check_class_names(np.array(sorted({plain(str(name)) for name in np.unique(array)})), key="y_train")
    if array.ndim == 2 and array.shape[1] > 1:
        return tuple(str(label) for label in range(array.shape[1]))
    return ("False", "True") if array.dtype.kind == "b" else None


def _from_names(key: str, array: Array, class_names: Sequence[str]) -> Array:
    numbers = {plain(name): number for number, name in enumerate(class_names)}
    values, positions = np.unique(array, return_inverse=True)
    unknown = [plain(str(value)) for value in values if plain(str(value)) not in numbers]
    if unknown:
        raise InputError(
            f"{key} holds the name {unknown[0]}, but the classes are {', '.join(class_names[:10])}"
            f"{', …' if len(class_names) > 10 else ''}: add training examples of it or leave it out"
        )
    table = np.array([numbers[plain(str(value))] for value in values], dtype=np.int64)
    return table[positions].reshape(array.shape)


def _from_one_hot(key: str, array: Array, class_names: Sequence[str] | None) -> Array:
    width = array.shape[1]
    count = len(class_names) if class_names is not None else width
    if width != count or not _is_one_hot(array):
        raise InputError(
            f"{key} has rows of {width} values but must hold whole numbers, or one-hot rows of the {count} classes "
            "with a single 1 each"
        )
    return np.asarray(array.argmax(axis=1), dtype=np.int64)


def _from_floats(key: str, array: Array) -> Array:
    if not _is_whole(array):
        raise InputError(f"{key} has dtype {array.dtype}{nan_note(array)} but labels must be whole numbers from 0")
    if array.size and np.abs(array).max() >= MAX_CLASSES:
        raise InputError(f"{key} holds labels up to {np.abs(array).max():g} but they must be below {MAX_CLASSES}")
    return array.astype(np.int64)


def _look_at_floats(labels: Mapping[str, Array]) -> tuple[bool, tuple[str, ...]]:
    """Whether floating-point labels of images are classes, and a sentence on it where it may surprise."""
    if all(array.ndim == 2 and array.shape[1] > 1 and _is_one_hot(array) for array in labels.values()):
        width = labels["y_train"].shape[1]
        return True, (
            f"y_train holds rows with a single 1, taken for {width} classes: `labels` numbers predicts them as numbers",
        )
    columns = {key: _without_axis(array) for key, array in labels.items()}
    if not all(array.ndim == 1 and array.size and _is_whole(array) for array in columns.values()):
        return False, ()
    values, dtype = np.unique(columns["y_train"]), labels["y_train"].dtype
    obstacle = _obstacle(values, columns)
    if obstacle:
        return False, (
            f"y_train holds whole numbers as {dtype}, taken for numbers to predict because {obstacle}: `labels` "
            "classes takes them for classes",
        )
    return True, (
        f"y_train holds the whole numbers 0 to {len(values) - 1} as {dtype}, taken for {len(values)} classes: `labels` "
        "numbers predicts them as numbers",
    )


def _obstacle(values: Array, columns: Mapping[str, Array]) -> str:
    """Why whole numbers, which have these `values` in `y_train`, are no classes; empty if they are."""
    count = len(columns["y_train"])
    if not np.array_equal(values, np.arange(len(values))) or len(values) < 2:
        return "they do not count 0, 1, 2, … without gaps"
    if lacking := [key for key, array in columns.items() if not np.isin(array, values).all()]:
        return f"{lacking[0]} holds others than it"
    if len(values) > MOST_VALUES or len(values) * EXAMPLES_EACH > count:
        return f"it has {len(values)} different ones in {count} examples"
    return ""


def _is_whole(array: Array) -> bool:
    return bool((np.isfinite(array) & (array == np.floor(array))).all())


def _is_one_hot(array: Array) -> bool:
    return bool(array.size and ((array == 0) | (array == 1)).all() and (array.sum(axis=1) == 1).all())
