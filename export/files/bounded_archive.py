"""Zip archives, opened only after all that they declare is known to be possible and harmless."""

from __future__ import annotations

import contextlib
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tuning.files.bounded_list import BoundedList

"""Bytes of an archive's list of contents."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_IS_ENCRYPTED = 1
_BLOCK, _LARGE, _MOST_TIMES = 1 << 20, 1 << 26, 100
"""Bytes that are unpacked at once; a part that is larger than the second can't be that many times its packed size, as
weights are noise to a packer."""


@contextlib.contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive in this regular file, its parts being what they say.

    Raises zipfile.BadZipFile, saying why, for other ways of packing, impossible sizes, parts in one place, names that
    lead out of a folder or come twice, and for parts that grow out of all measure.
    """
    with contextlib.closing(BoundedList(path)) as file, zipfile.ZipFile(file) as archive:
        file.is_bounded = False
        _check(archive, path.stat().st_size)
        yield archive


def read_part(archive: zipfile.ZipFile, name: str, *, limit: int) -> bytes:
    """A part of at most `limit` bytes, whatever its entry says. Raises zipfile.BadZipFile for a larger one."""
    size = archive.getinfo(name).file_size
    if size > limit:
        raise zipfile.BadZipFile(f"{name} in it has {size:,} bytes, more than {limit:,}")
    blocks = []
    with archive.open(name) as part:
        # Asked for everything at once, Python unpacks all that is there before it looks at the size.
        while block := part.read(_BLOCK):
            blocks.append(block)
    return b"".join(blocks)


def check_sizes(archive: zipfile.ZipFile) -> None:
    """Unpack every packed part once, a little at a time. Raises zipfile.BadZipFile for what is not as it says."""
    for info in archive.infolist():
        if info.compress_type != zipfile.ZIP_STORED:
            with archive.open(info) as part:
                while part.read(_BLOCK):
                    pass


def _check(archive: zipfile.ZipFile, size: int) -> None:
    parts = archive.infolist()
    twice = [name for name, count in Counter(part.filename for part in parts).items() if count > 1]
    if twice:
        raise zipfile.BadZipFile(f"it holds {twice[0]} twice")
    for part in parts:
        place = PurePosixPath(part.filename.replace("\\", "/"))
        if place.is_absolute() or ".." in place.parts or ":" in part.filename:
            raise zipfile.BadZipFile(f"{part.filename} in it leads out of its folder")
        if part.flag_bits & _IS_ENCRYPTED:
            raise zipfile.BadZipFile(f"{part.filename} in it is encrypted")
        if part.compress_type not in _METHODS:
            raise zipfile.BadZipFile(f"{part.filename} in it is packed as Keras does not pack")
        if part.file_size > max(_LARGE, part.compress_size * _MOST_TIMES):
            raise zipfile.BadZipFile(
                f"{part.filename} in it has {part.file_size:,} bytes in {part.compress_size:,} packed"
            )
    packed = sum(part.compress_size for part in parts)
    if packed > size:
        raise zipfile.BadZipFile(f"its parts have {packed:,} bytes, more than the file")
