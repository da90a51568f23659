"""Where images come from: a file, Keras's data sets, or the digits that scikit-learn carries."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuning.data.array_options import DEFAULT, STRICT, ArrayOptions
from tuning.data.arrays.array_data import dataset_from
from tuning.data.arrays.array_names import EXACT, find_arrays
from tuning.data.arrays.npz_file import read_npz
from tuning.data.arrays.tables import dataset_of
from tuning.data.dataset import ARRAY_NAMES, Dataset, make_dataset
from tuning.errors import InputError
from tuning.plain_names import flaw, readable
from tuning.records import DATASET_NAMES

DATA_DIR_VARIABLE = "TUNING_DATA_DIR"
SILENCE_SECONDS = 10.0

DIGITS = tuple(str(digit) for digit in range(10))
FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


class _UnavailableError(Exception):
    """A data set can neither be found on disk nor downloaded."""


def load_dataset(name: str) -> Dataset:
    """A data set by its name in `DATASET_NAMES`.

    `auto` is MNIST, or the embedded digits where MNIST can't be had, with the reason in `fallback_reason`. Raises
    InputError for an unknown name, for data that can't be had, and for a `TUNING_DATA_DIR` without the file.
    """
    if name not in DATASET_NAMES:
        raise InputError(f"unknown dataset {name}: choose one of {', '.join(DATASET_NAMES)}, or give --data FILE.npz")
    if name == "digits":
        return _load_digits()
    try:
        return _load_keras_dataset("mnist" if name == "auto" else name)
    except _UnavailableError as error:
        if name == "auto":
            return _load_digits(fallback_reason=f"MNIST can't be had: {error}")
        raise InputError(
            f"{name} can't be had: {error}; connect to the network once, or put {name}.npz with "
            f"{', '.join(ARRAY_NAMES)} in a folder and set {DATA_DIR_VARIABLE} to it"
        ) from error


def needs_keras(name: str) -> bool:
    """Whether loading the data set of that name goes through Keras, whose import takes seconds."""
    return name in ("auto", "mnist", "fashion_mnist") and DATA_DIR_VARIABLE not in os.environ


def load_npz(path: Path, *, name: str | None = None, options: ArrayOptions = DEFAULT) -> Dataset:
    """The data set in an npz file with `x_train, y_train, x_test, y_test`, under these or other usual names.

    It may hold `x_validation, y_validation` and `class_names` too, and lack the test. Raises InputError as
    `dataset_from` does, and for a name that can't go into exported files.
    """
    known, called = _read_npz(path, options)
    if flaw(path.name):
        raise InputError(f"the name of {readable(str(path))} {flaw(path.name)}: rename it")
    try:
        return dataset_from(known, name=name if name is not None else path.name, options=options)
    except InputError as error:
        others = [f"{key} is called {own}" for key, own in called.items() if re.search(rf"\b{key}\b", str(error))]
        raise InputError(f"{error} ({', '.join(others)})" if others else str(error)) from error


def _load_keras_dataset(name: str) -> Dataset:
    class_names = FASHION if name == "fashion_mnist" else DIGITS
    folder = os.environ.get(DATA_DIR_VARIABLE)
    if folder is not None:
        path = Path(folder) / f"{name}.npz"
        if not path.is_file():
            raise InputError(f"{DATA_DIR_VARIABLE} is set but there is no {path}: put the file there or unset it")
        return dataset_of(_read_npz(path, STRICT)[0], name=name, class_names=class_names)
    return make_dataset(_download(name), name=name, class_names=class_names)


def _download(name: str) -> dict[str, NDArray[Any]]:
    """The arrays from Keras's cache, else from its download, given up after ten seconds without a byte."""
    import keras

    module = getattr(keras.datasets, name)
    with _silence_limit(), contextlib.redirect_stdout(sys.stderr):
        try:
            (x_train, y_train), (x_test, y_test) = module.load_data()
        # Keras turns every network error into a bare Exception, so nothing narrower can be caught.
        except Exception as error:
            raise _UnavailableError(f"its download failed ({_first_line(error)})") from error
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


@contextlib.contextmanager
def _silence_limit() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _read_npz(path: Path, options: ArrayOptions) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """The arrays that are understood, and what those are called in the file that have another name there."""

    def choose(names: Sequence[str]) -> dict[str, str]:
        if options.is_strict:
            return {name: name for name in names if EXACT.fullmatch(name)}
        return find_arrays(names, source=path.name)

    return read_npz(path, choose, give=f"give an npz file with {', '.join(ARRAY_NAMES)}")


def _load_digits(*, fallback_reason: str = "") -> Dataset:
    """scikit-learn's 1,797 handwritten digits, 8×8 with 16 grey levels, scaled to 28×28 uint8; every fifth is test."""
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    small = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    images = np.stack(
        [np.asarray(Image.fromarray(image).resize((28, 28), Image.Resampling.BILINEAR)) for image in small]
    )
    test = _every_fifth_of_each_class(digits.target)
    arrays = {
        "x_train": images[~test],
        "y_train": digits.target[~test],
        "x_test": images[test],
        "y_test": digits.target[test],
    }
    return make_dataset(arrays, name="digits", class_names=DIGITS, fallback_reason=fallback_reason)


def _every_fifth_of_each_class(labels: NDArray[Any]) -> NDArray[np.bool_]:
    rank = np.zeros(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        rank[members] = np.arange(len(members))
    fifth: NDArray[np.bool_] = rank % 5 == 4
    return fifth
