"""An npz file with `x_train, y_train, x_test, y_test`, under these or other usual names."""

from __future__ import annotations

import re
from pathlib import Path

from tuning.data.array_options import DEFAULT, ArrayOptions
from tuning.data.arrays.array_data import dataset_from
from tuning.data.arrays.npz_file import read_arrays
from tuning.data.dataset import Dataset
from tuning.data.sources.source import OTHER, PathSource, Reading
from tuning.errors import InputError
from tuning.plain_names import flaw, readable


def load_npz(
    path: Path, *, name: str | None = None, options: ArrayOptions = DEFAULT, weights: str | None = None
) -> Dataset:
    """The data set in an npz file with `x_train, y_train, x_test, y_test`, under these or other usual names.

    It may hold `x_validation, y_validation` and `class_names` too, and lack the test. `weights`: the name of the array
    with a weight for each training example, if any. Raises InputError as `dataset_from` does, and for a name that can't
    go into exported files.
    """
    known, called = read_arrays(path, options, weights=weights)
    if flaw(path.name):
        raise InputError(f"the name of {readable(str(path))} {flaw(path.name)}: rename it")
    try:
        return dataset_from(known, name=name if name is not None else path.name, options=options)
    except InputError as error:
        others = [f"{key} is called {own}" for key, own in called.items() if re.search(rf"\b{key}\b", str(error))]
        raise InputError(f"{error} ({', '.join(others)})" if others else str(error)) from error


def _load(reading: Reading) -> Dataset:
    return load_npz(reading.path, name=reading.name, options=reading.arrays, weights=reading.weights)


SOURCE = PathSource(suffixes=(".npz", OTHER), load=_load, takes=("labels",))
