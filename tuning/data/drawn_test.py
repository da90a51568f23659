"""The examples to test with where none are given: a sixth of each class, chosen by the seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuning.data.example_weights import ARRAY as WEIGHTS
from tuning.data.split import draw_share
from tuning.errors import InputError

TEST_SHARE = 1 / 6
"""Of the examples of each class, what is tested with."""


def draw_sixth(groups: Sequence[NDArray[np.int64]], *, seed: int) -> NDArray[np.int64]:
    """A sixth of the members of each group, at least one, in no order."""
    return draw_share(groups, fraction=TEST_SHARE, rng=np.random.default_rng([seed, 0x7E57]))


def with_test(arrays: Mapping[str, NDArray[Any]], *, seed: int) -> dict[str, NDArray[Any]]:
    """The arrays, a sixth of the training examples of which are test examples now, each class by its share.

    Raises InputError for arrays of different lengths, and for a class with a single example.
    """
    trained = {key: array for key, array in arrays.items() if key.startswith(("x_train", "y_train")) or key == WEIGHTS}
    named = [key for key in trained if key.startswith("y_train_")]
    first = "y_train" if "y_train" in trained else named[0]
    labels = trained[first]
    for key, array in trained.items():
        if array.ndim == 0 or array.shape[:1] != labels.shape[:1]:
            raise InputError(
                f"{key} has shape {array.shape} but {first} {labels.shape}: give a label for each example, and "
                "every input and weight of it"
            )
    chosen = np.zeros(len(labels), dtype=bool)
    # Several outputs have no classes in common.
    groups = _groups(labels) if not named else _one_group(len(labels))
    chosen[draw_sixth(groups, seed=seed)] = True
    kept = {key: array[~chosen] for key, array in trained.items()}
    drawn = {key.replace("train", "test", 1): array[chosen] for key, array in trained.items() if key != WEIGHTS}
    return {**arrays, **kept, **drawn}


def _groups(labels: NDArray[Any]) -> list[NDArray[np.int64]]:
    """The positions of each class; all positions together where there are none."""
    flat = labels.reshape(-1) if labels.size == len(labels) else labels
    if flat.ndim > 1 or not np.issubdtype(flat.dtype, np.integer):
        return _one_group(len(flat))
    groups = {value: np.flatnonzero(flat == value) for value in np.unique(flat)}
    for value, members in groups.items():
        _require_two(f"class {value} of y_train", len(members))
    return list(groups.values())


def _one_group(count: int) -> list[NDArray[np.int64]]:
    _require_two("the training set", count)
    return [np.arange(count)]


def _require_two(what: str, count: int) -> None:
    if count < 2:
        raise InputError(
            f"{what} has {count} examples but needs 2 or more, one to train and one to test: add examples, or give "
            "x_test and y_test"
        )
