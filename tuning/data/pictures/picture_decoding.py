"""The bytes of a picture file → pixels of the wanted shape, as a new picture is made to look to a model.

A picture is turned as its EXIF data says, composited where it is transparent, and fitted: scaled to cover the wanted
size, and what stands out on two sides cut off.
"""

from __future__ import annotations

import contextlib
import io
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from tuning.data.array_checks import Pixels
from tuning.files.bounded_files import flaw_of
from tuning.files.flat_pictures import FORMATS, LARGEST_FILE, UnreadableError, check_size, flatten, is_deep_grey

SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm")
GREY_MODES = ("1", "L", "LA", "La")
_LARGE = 1 << 24
"""Bytes or pixels of which one at a time is in memory."""
_LARGE_LOCK = threading.RLock()
ORIENTATION, TURNED = 0x0112, (5, 6, 7, 8)
"""An entry of EXIF data, and its values that exchange height and width."""
PNG_REMARKS = (b"eXIf", b"Raw profile type exif", b"XML:com.adobe.xmp")
"""Where a PNG may keep that entry."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """What the first bytes of a picture say of it: pixels, upright, and whether it has no colours."""

    height: int
    width: int
    is_grey: bool


def read_header(content: bytes) -> Header:
    """Size and kind of a picture, without decoding it. Raises UnreadableError."""
    with _open(content) as picture:
        width, height = picture.size
        # Asked for what it says of itself, a PNG is decoded as a whole.
        says_something = picture.format != "PNG" or any(name in content for name in PNG_REMARKS)
        if says_something and picture.getexif().get(ORIENTATION) in TURNED:
            width, height = height, width
        return Header(height=height, width=width, is_grey=picture.mode in GREY_MODES or is_deep_grey(picture))


def decode(content: bytes, shape: tuple[int, int, int]) -> Pixels:
    """The picture as uint8 of `shape` (height, width, channels). Raises UnreadableError."""
    height, width, channels = shape
    with _open(content) as opened, _one_large(opened):
        ImageOps.exif_transpose(opened, in_place=True)
        return _fit(flatten(opened), height, width, channels)


def _fit(picture: Image.Image, height: int, width: int, channels: int) -> Pixels:
    if channels == 1:
        picture = picture.convert("L")
    if picture.size != (width, height):
        picture = ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS)
    pixels = np.asarray(picture.convert("L" if channels == 1 else "RGB"), dtype=np.uint8)
    return pixels.reshape(height, width, channels)


@contextlib.contextmanager
def file_content(path: Path) -> Iterator[bytes]:
    """What the file holds; of a large one, while no other thread has one. Raises as `read_file` does."""
    is_large = path.is_file() and path.stat().st_size > _LARGE
    with _LARGE_LOCK if is_large else contextlib.nullcontext():
        yield read_file(path)


def read_file(path: Path) -> bytes:
    """Raises UnreadableError for what can't be opened, is no regular file, or is larger than any picture."""
    try:
        status = path.stat()
        if flaw := flaw_of(status):
            raise UnreadableError(flaw)
        if status.st_size > LARGEST_FILE:
            raise UnreadableError(f"has {status.st_size:,} bytes, more than {LARGEST_FILE:,}")
        with path.open("rb") as file:
            return file.read(status.st_size)
    except OSError as error:
        raise UnreadableError(f"can't be opened: {error.strerror}") from error


@contextlib.contextmanager
def strict_pillow() -> Iterator[None]:
    """Let Pillow, in every thread, refuse pictures that grow out of all measure, and keep its other remarks to itself.

    Warnings are filtered for the whole process, so this is for the thread that started the others.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


@contextlib.contextmanager
def _open(content: bytes) -> Iterator[Image.Image]:
    if not content:
        raise UnreadableError("holds no bytes")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            check_size(picture)
            yield picture
    except UnreadableError:
        raise
    except UnidentifiedImageError as error:
        raise UnreadableError("is no picture") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadableError(f"has more than {Image.MAX_IMAGE_PIXELS:,} pixels") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise UnreadableError(f"is damaged: {' '.join(str(error).split())}") from error


@contextlib.contextmanager
def _one_large(picture: Image.Image) -> Iterator[None]:
    """Let no other thread decode a large picture meanwhile."""
    with _LARGE_LOCK if picture.width * picture.height > _LARGE else contextlib.nullcontext():
        yield
