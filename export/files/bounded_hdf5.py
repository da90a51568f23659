"""HDF5 files of weights, whose arrays are known to be there and to be in the file itself before any is read."""

from __future__ import annotations

import math
from pathlib import Path

import h5py

from export.errors import InputError
from tuning.files.bounded_files import regular_size

_LARGE, _MOST_TIMES = 1 << 26, 1032
"""Bytes up to which an array may declare more than it stores, and times that deflate can make anything smaller."""


def check_arrays(file: h5py.File) -> None:
    """Raise ValueError for arrays that are larger than what is stored of them, and for links and other files."""

    def look(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            _check_array(name, item)
            return
        for key in item:
            if not isinstance(item.get(key, getlink=True), h5py.HardLink):
                raise ValueError(f"{name}/{key} in it is a link")

    look("", file)
    file.visititems(look)


def check_weights(path: Path) -> None:
    """Raise InputError for a file of weights that is none, or that `check_arrays` does not let through."""
    regular_size(path, give="restore the weights")
    try:
        with h5py.File(path, "r") as file:
            check_arrays(file)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path} can't be read as a file of weights ({reason}): train the model again") from error


def _check_array(name: str, array: h5py.Dataset) -> None:
    if array.external or array.is_virtual:
        raise ValueError(f"{name} in it lies in another file")
    size, stored = math.prod(array.shape or ()) * array.dtype.itemsize, array.id.get_storage_size()
    if size > max(_LARGE, stored * _MOST_TIMES):
        raise ValueError(f"{name} in it has shape {array.shape}, {size:,} bytes, of which {stored:,} are stored")
