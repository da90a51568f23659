"""An npz file → its arrays, read only after all that they declare is known to be there and to fit into memory.

Numpy believes what a header says: it takes the memory first, and finds out afterwards.
"""

from __future__ import annotations

import contextlib
import io
import math
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from tuning.data.array_options import ArrayOptions
from tuning.data.arrays.array_names import EXACT, find_arrays
from tuning.data.dataset import ARRAY_NAMES
from tuning.data.example_weights import ARRAY as WEIGHTS
from tuning.environment.free_memory import free_memory
from tuning.errors import InputError
from tuning.files.bounded_files import regular_size
from tuning.files.bounded_list import BoundedList

_NPY_MAGIC = b"\x93NUMPY"
_DEFLATED_AT_MOST = 1032
"""Times that deflate can make anything smaller (zlib's technical details)."""
_BLOCK, _LONGEST_HEADER = 1 << 24, 10_000
"""Bytes that are unpacked at a time, and of an array's description: numpy's own limit."""
_MOST_EMPTY = 1_000_000
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_IS_ENCRYPTED = 1


def read_npz(
    path: Path, choose: Callable[[Sequence[str]], Mapping[str, str]], *, give: str
) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """The arrays that `choose` names, and what those are called in the file that have another name there.

    `choose`: of the names in the file, the wanted ones by the name that they get. Raises InputError for a file that
    can't be read, that holds what numpy doesn't write, or whose arrays don't fit into memory.
    """
    size = regular_size(path, give=give)
    try:
        with path.open("rb") as head:
            if head.read(len(_NPY_MAGIC)) == _NPY_MAGIC:
                raise InputError(f"{path} holds a single array: save all four with numpy.savez")
        if not zipfile.is_zipfile(path):
            raise zipfile.BadZipFile("it is no zip archive")
        with contextlib.closing(BoundedList(path)) as file, zipfile.ZipFile(file) as archive:
            members = _members(archive)
            found = dict(choose(list(members)))
            chosen = {name: members[key] for name, key in found.items()}
            _check_packing(chosen.values(), size)
            needed = sum(_declared_size(archive, info) for info in chosen.values())
            if needed > free_memory():
                raise InputError(
                    f"the arrays in {path} take {needed / 2**30:,.1f} GiB but {free_memory() / 2**30:,.1f} GiB of "
                    "memory are free: give fewer or smaller ones"
                )
            file.is_bounded = False
            arrays = {name: _array(archive, info) for name, info in chosen.items()}
            return arrays, {name: key for name, key in found.items() if name != key}
    except InputError:
        raise
    # RuntimeError: what Python can't unpack.
    except (OSError, ValueError, EOFError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path} can't be read as npz ({reason}): is it complete?") from error


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Name of each array → its place in the archive."""
    names = [info.filename.removesuffix(".npy") for info in archive.infolist()]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"it holds {twice[0]} twice")
    return dict(zip(names, archive.infolist(), strict=True))


def _check_packing(members: Any, size: int) -> None:
    """Raise ValueError for what numpy doesn't write: other ways of packing, sizes that can't be, parts in one place."""
    for info in members:
        if info.flag_bits & _IS_ENCRYPTED:
            raise ValueError(f"{info.filename} is encrypted: save it without a password")
        if info.compress_type not in _METHODS:
            raise ValueError(f"{info.filename} is packed as numpy does not pack: save it with numpy.savez_compressed")
        if info.file_size > info.compress_size * _DEFLATED_AT_MOST:
            raise ValueError(f"{info.filename} can't have {info.file_size:,} bytes in {info.compress_size:,} packed")
    packed = sum(info.compress_size for info in members)
    if packed > size:
        raise ValueError(f"its parts have {packed:,} bytes, more than the file")


def _declared_size(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> int:
    """Bytes of an array in memory. Raises ValueError where they are not there, and InputError for Python objects."""
    with archive.open(info) as member:
        shape, dtype, header_size = _header(member, info.filename)
    if dtype.hasobject:
        key = info.filename.removesuffix(".npy")
        raise InputError(
            f"{key} holds Python objects, which are not read: store names with {key}.astype(str) and whole numbers "
            f"with {key}.astype(int), and save them again"
        )
    size = math.prod(shape) * dtype.itemsize
    if size > info.file_size - header_size:
        raise ValueError(
            f"{info.filename} has shape {str(shape)[:100]} of {str(dtype)[:100]}, {size:,} bytes, but holds "
            f"{info.file_size - header_size:,}"
        )
    # As nothing is stored of them, there may be any number.
    if not size and math.prod(side for side in shape if side) > _MOST_EMPTY:
        raise ValueError(f"{info.filename} has shape {str(shape)[:100]} of {str(dtype)[:100]}, but holds nothing")
    return size


def _header(member: IO[bytes], name: str) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Shape, dtype, and bytes before the numbers. Raises ValueError."""
    start = member.read(len(_NPY_MAGIC) + 2)
    if start[: len(_NPY_MAGIC)] != _NPY_MAGIC or len(start) < len(_NPY_MAGIC) + 2:
        raise ValueError(f"{name} is no array")
    is_first = start[-2] == 1
    length = member.read(2 if is_first else 4)
    if int.from_bytes(length, "little") > _LONGEST_HEADER:
        raise ValueError(f"the description of {name} has {int.from_bytes(length, 'little'):,} bytes")
    text = length + member.read(int.from_bytes(length, "little"))
    read = np.lib.format.read_array_header_1_0 if is_first else np.lib.format.read_array_header_2_0
    try:
        shape, _, dtype = read(io.BytesIO(text))
    # It is Python's own syntax, whose parsers raise many kinds of exceptions.
    except Exception as error:
        raise ValueError(f"the description of {name} can't be read: {error}") from error
    if any(type(side) is not int or side < 0 for side in shape):
        raise ValueError(f"{name} has shape {str(shape)[:100]}")
    return shape, dtype, len(start) + len(text)


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(info) as member:
        array: NDArray[Any] = np.lib.format.read_array(member, allow_pickle=False)
        # What is damaged behind the numbers is found by the end of the file only.
        while member.read(_BLOCK):
            pass
        return array


def read_arrays(
    path: Path, options: ArrayOptions, *, weights: str | None = None
) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """The arrays that are understood, and what those are called in the file that have another name there.

    `weights`: the name of the one that holds the weights of the training examples, if there is one.
    """

    def choose(names: Sequence[str]) -> dict[str, str]:
        if weights is not None and weights not in names:
            raise InputError(
                f"{path.name} holds no {weights} for `sample_weight`, but {', '.join(names[:10])}: name one of them, "
                "or give CLASS=WEIGHT,…"
            )
        return understood(names) | ({} if weights is None else {WEIGHTS: weights})

    def understood(names: Sequence[str]) -> dict[str, str]:
        if options.is_strict:
            return {name: name for name in names if EXACT.fullmatch(name)}
        return find_arrays(names, source=path.name)

    return read_npz(path, choose, give=f"give an npz file with {', '.join(ARRAY_NAMES)}")
