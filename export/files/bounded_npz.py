"""An npz file that anybody may have written → its arrays, its declared sizes checked before anything is unpacked."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from export.files.regular_file import open_regular

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What numpy writes."""
_MOST_ARRAYS = 100_000
_DEFLATE_RATIO = 1032
"""Deflate packs no better (its format has 258 bytes in two bits)."""
_HARMLESS_BYTES, _USUAL_RATIO = 256 << 20, 200
_ENCRYPTED = 1


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Every array of the file by name.

    Raises ValueError for what `numpy.savez` does not write, and for sizes that are not those of the file or no honest
    file has; OSError, EOFError, zipfile.BadZipFile and zlib.error for a damaged one.
    """
    with open_regular(path) as file, zipfile.ZipFile(file) as archive:
        _check_sizes(archive.infolist(), os.fstat(file.fileno()).st_size)
        return dict(_read_members(archive))


def _check_sizes(members: list[zipfile.ZipInfo], size_bytes: int) -> None:
    names = {member.filename.removesuffix(".npy") for member in members}
    if len(members) > _MOST_ARRAYS or len(names) != len(members):
        raise ValueError("it holds too many arrays, or two of one name")
    for member in members:
        if member.compress_type not in _METHODS or member.flag_bits & _ENCRYPTED:
            raise ValueError(f"{member.filename} is packed in a way that numpy does not use")
        if member.file_size > _DEFLATE_RATIO * member.compress_size + 64:
            raise ValueError(f"{member.filename} can't have the {member.file_size} bytes that it declares")
    packed, unpacked = sum(one.compress_size for one in members), sum(one.file_size for one in members)
    if packed > size_bytes:
        raise ValueError("its arrays overlap")
    if unpacked > _HARMLESS_BYTES and unpacked > _USUAL_RATIO * packed:
        raise ValueError(f"its {packed} bytes unpack to {unpacked}, which is no honest file")


def _read_members(archive: zipfile.ZipFile) -> Iterator[tuple[str, np.ndarray]]:
    for member in archive.infolist():
        with archive.open(member) as stream:
            _check_header(stream, member)
        with archive.open(member) as stream:
            yield member.filename.removesuffix(".npy"), npy.read_array(stream, allow_pickle=False)


def _check_header(stream: IO[bytes], member: zipfile.ZipInfo) -> None:
    read: Any = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(npy.read_magic(stream))
    if read is None:
        raise ValueError(f"{member.filename} is no array of a version that numpy writes")
    try:
        shape, _, dtype = read(stream)
    # It is Python's own syntax, whose parsers raise many kinds of exceptions.
    except Exception as error:
        raise ValueError(f"the description of {member.filename} can't be read: {error}") from error
    if any(type(side) is not int or side < 0 for side in shape):
        raise ValueError(f"{member.filename} declares the shape {str(shape)[:100]}")
    if dtype.hasobject:
        raise ValueError(f"{member.filename} holds Python objects")
    if math.prod(shape) * dtype.itemsize != member.file_size - stream.tell():
        raise ValueError(f"{member.filename} declares {shape} of {dtype} but has {member.file_size} bytes")
