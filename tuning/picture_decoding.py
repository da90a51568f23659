"""The bytes of a picture file → pixels of the wanted shape, as a new picture is made to look to a model.

A picture is turned as its EXIF data says, put on paper where it is transparent, and fitted: scaled to cover the wanted
size, and what stands out on two sides cut off.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from tuning.array_checks import Pixels

# Pillow would hand PostScript over to another program, and read forms whose damage it doesn't notice.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm")
GREY_MODES = ("1", "L", "LA", "La")
WIDE_MODES = ("I", "F")
ORIENTATION, TURNED = 0x0112, (5, 6, 7, 8)
"""An entry of EXIF data, and its values that exchange height and width."""
PNG_REMARKS = (b"eXIf", b"Raw profile type exif", b"XML:com.adobe.xmp")
"""Where a PNG may keep that entry."""


class UnreadableError(Exception):
    """A file that is no picture, or a damaged one; its text says which."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """What the first bytes of a picture say of it: pixels, upright, and whether it has no colours."""

    height: int
    width: int
    is_grey: bool


def read_header(content: bytes) -> Header:
    """Size and kind of a picture, without decoding it. Raises UnreadableError."""
    with _opened(content) as picture:
        width, height = picture.size
        # Asked for what it says of itself, a PNG is decoded as a whole.
        says_something = picture.format != "PNG" or any(name in content for name in PNG_REMARKS)
        if says_something and picture.getexif().get(ORIENTATION) in TURNED:
            width, height = height, width
        return Header(height=height, width=width, is_grey=picture.mode in GREY_MODES or _is_deep_grey(picture))


def decode(content: bytes, shape: tuple[int, int, int]) -> Pixels:
    """The picture as uint8 of `shape` (height, width, channels). Raises UnreadableError."""
    height, width, channels = shape
    with _opened(content) as opened:
        picture = _on_paper(ImageOps.exif_transpose(opened))
    if channels == 1:
        picture = picture.convert("L")
    if picture.size != (width, height):
        picture = ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS)
    pixels = np.asarray(picture.convert("L" if channels == 1 else "RGB"), dtype=np.uint8)
    return pixels.reshape(shape)


def read_file(path: Path) -> bytes:
    """Raises UnreadableError for a file that can't be opened."""
    try:
        return path.read_bytes()
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
def _opened(content: bytes) -> Iterator[Image.Image]:
    if not content:
        raise UnreadableError("holds no bytes")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            yield picture
    except UnidentifiedImageError as error:
        raise UnreadableError("is no picture") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadableError(f"has more than {Image.MAX_IMAGE_PIXELS} pixels") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise UnreadableError(f"is damaged: {' '.join(str(error).split())}") from error


def _is_deep_grey(picture: Image.Image) -> bool:
    return str(picture.mode).startswith("I;16")


def _on_paper(picture: Image.Image) -> Image.Image:
    """As L or RGB: 16 bits rounded to 8, transparent places white, or black where the ink is bright."""
    if _is_deep_grey(picture):
        return Image.fromarray((np.asarray(picture) / 257).round().astype(np.uint8))
    if picture.mode in WIDE_MODES:
        raise UnreadableError("holds 32-bit values, whose black and white are unknown: save it with 8 or 16 bits")
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return picture.copy() if picture.mode == "L" else picture.convert("RGB")
    ink = picture.convert("RGBA")
    opacity = np.asarray(ink.getchannel("A"), dtype=np.float64)
    weight = opacity.sum()
    brightness = float((np.asarray(ink.convert("L")) * opacity).sum() / weight) if weight > 0 else 0.0
    paper = "black" if brightness > 127 and opacity.min() < 255 else "white"
    return Image.alpha_composite(Image.new("RGBA", ink.size, paper), ink).convert("RGB")
