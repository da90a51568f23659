"""Keras's data sets: from a folder of the user's, else from Keras's cache, else downloaded."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tuning.data.array_options import STRICT
from tuning.data.arrays.npz_file import read_arrays
from tuning.data.arrays.tables import dataset_of
from tuning.data.dataset import ARRAY_NAMES, Dataset, make_dataset
from tuning.data.sources.by_name import DATA_DIR_VARIABLE
from tuning.data.sources.source import NamedSource
from tuning.errors import InputError

SILENCE_SECONDS = 10.0


class UnavailableError(Exception):
    """A data set can neither be found on disk nor downloaded."""


def keras_source(name: str, class_names: tuple[str, ...]) -> NamedSource:
    """One of Keras's data sets of images, by its module in `keras.datasets`."""

    def load() -> Dataset:
        try:
            return load_keras_dataset(name, class_names)
        except UnavailableError as error:
            raise InputError(
                f"{name} is not available: {error}; connect to the network once, or put {name}.npz with "
                f"{', '.join(ARRAY_NAMES)} in a folder and set {DATA_DIR_VARIABLE} to it"
            ) from error

    return NamedSource(load=load, through_keras=True)


def load_keras_dataset(name: str, class_names: tuple[str, ...]) -> Dataset:
    """Raises UnavailableError, and InputError for a `TUNING_DATA_DIR` without the file."""
    folder = os.environ.get(DATA_DIR_VARIABLE)
    if folder is not None:
        path = Path(folder) / f"{name}.npz"
        if not path.is_file():
            raise InputError(f"{DATA_DIR_VARIABLE} is set but there is no {path}: put the file there or unset it")
        return dataset_of(read_arrays(path, STRICT)[0], name=name, class_names=class_names)
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
            raise UnavailableError(f"its download failed ({_first_line(error)})") from error
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
