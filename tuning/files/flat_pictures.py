"""An opened picture → L or RGB: 16 bits rounded to 8, composited where it is transparent. The search and a published
model read a user's pictures the same way."""

from __future__ import annotations

import numpy as np
from PIL import Image

# Pillow would hand PostScript over to another program, and read forms whose damage it doesn't notice.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
WIDE_MODES = ("I", "F")
_LEAN_MODES = ("1", "L", "P", "RGB", "I;16", "I;16B", "I;16L", "I;16N")
"""Those that are not held twice on their way to pixels."""
LARGEST_FILE, _STRIP = 1 << 28, 1 << 20
"""Bytes of a picture's file, and pixels that are worked on together."""


class UnreadableError(ValueError):
    """A file that is no picture, a damaged one, or one whose pixels have no known meaning; its text says which."""


def is_deep_grey(picture: Image.Image) -> bool:
    """Whether its pixels are grey values of 16 bits."""
    return str(picture.mode).startswith("I;16")


def check_size(picture: Image.Image) -> None:
    """Raise UnreadableError for a picture that takes too much memory: by its size, before it is decoded."""
    most = Image.MAX_IMAGE_PIXELS or 0
    most = most if picture.mode in _LEAN_MODES and "transparency" not in picture.info else most // 2
    if picture.width * picture.height > most:
        raise UnreadableError(f"has {picture.width}×{picture.height} pixels, more than {most:,}")


def flatten(picture: Image.Image) -> Image.Image:
    """As L or RGB, uint8; transparent places become white, or black where the ink is bright. Raises UnreadableError for
    32-bit values."""
    if is_deep_grey(picture):
        grey = np.empty((picture.height, picture.width), np.uint8)
        for rows in _strips(picture):
            grey[rows] = (np.asarray(picture.crop((0, rows.start, picture.width, rows.stop))) / 257).round()
        return Image.fromarray(grey)
    if picture.mode in WIDE_MODES:
        raise UnreadableError("holds 32-bit values, whose black and white are unknown: save it with 8 or 16 bits")
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        picture.load()
        return picture if picture.mode in ("L", "RGB") else picture.convert("RGB")
    return _without_transparency(picture)


def _without_transparency(picture: Image.Image) -> Image.Image:
    """Composited onto white, or onto black where the ink is bright; strip by strip, as copies may be large."""
    strips = [(rows, (0, rows.start, picture.width, rows.stop)) for rows in _strips(picture)]
    weight, light, least = 0, 0, 255
    for _, box in strips:
        ink = picture.crop(box).convert("RGBA")
        opacity = np.asarray(ink.getchannel("A"), dtype=np.int64)
        weight += int(opacity.sum())
        light += int((np.asarray(ink.convert("L")) * opacity).sum())
        least = min(least, int(opacity.min()))
    ground = "black" if weight and light / weight > 127 and least < 255 else "white"
    made = Image.new("RGB", picture.size)
    for rows, box in strips:
        ink = picture.crop(box).convert("RGBA")
        made.paste(Image.alpha_composite(Image.new("RGBA", ink.size, ground), ink).convert("RGB"), (0, rows.start))
    return made


def _strips(picture: Image.Image) -> list[slice]:
    """Its rows in parts, each of about a million pixels."""
    height = max(_STRIP // picture.width, 1)
    return [slice(start, min(start + height, picture.height)) for start in range(0, picture.height, height)]
