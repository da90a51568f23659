"""A picture's file → the picture upright and on paper, as a search over a folder of pictures reads it.

`tuning.data.pictures.picture_decoding` reads them for the search: tests hold the two to the same pictures.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from export.errors import InputError
from tuning.files.bounded_files import read_bounded

# Pillow would hand PostScript over to another program, and read forms whose damage it doesn't notice.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
LARGEST_FILE, _STRIP = 1 << 28, 1 << 20
"""Bytes of a picture's file, and pixels that are worked on together."""
_LEAN_MODES = ("1", "L", "P", "RGB", "I;16", "I;16B", "I;16L", "I;16N")
"""Those that are not held twice on their way to pixels."""
_GIVE = "give a PNG or JPEG picture"


def open_picture(path: Path) -> Image.Image:
    """The picture as L or RGB, upright; where it is transparent, on white paper, or on black under bright ink.

    Raises InputError for a file that is no picture, is damaged, or takes too much memory.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder: name the pictures in it")
    content = read_bounded(path, limit=LARGEST_FILE, give=_GIVE)
    try:
        with warnings.catch_warnings():
            # Of sizes between what is allowed here and what Pillow itself refuses.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
                _check_size(opened)
                ImageOps.exif_transpose(opened, in_place=True)
                return _on_paper(opened)
    except (OSError, SyntaxError, ValueError, RuntimeError, Image.DecompressionBombError) as error:
        # Pillow names what it can't tell apart by the object that it reads from.
        reason = "no picture" if isinstance(error, UnidentifiedImageError) else " ".join(str(error).split())
        raise InputError(f"{path} can't be read as a picture ({reason}): give a PNG or JPEG") from error


def _check_size(picture: Image.Image) -> None:
    """Raise ValueError for a picture that takes too much memory: by its size, before it is decoded."""
    most = Image.MAX_IMAGE_PIXELS or 0
    most = most if picture.mode in _LEAN_MODES and "transparency" not in picture.info else most // 2
    if picture.width * picture.height > most:
        raise ValueError(f"it has {picture.width}×{picture.height} pixels, more than {most:,}")


def _on_paper(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16"):
        grey = np.empty((picture.height, picture.width), np.uint8)
        for rows in _strips(picture):
            grey[rows] = (np.asarray(picture.crop((0, rows.start, picture.width, rows.stop))) / 257).round()
        return Image.fromarray(grey)
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        picture.load()
        return picture if picture.mode in ("L", "RGB") else picture.convert("RGB")
    return _without_transparency(picture)


def _without_transparency(picture: Image.Image) -> Image.Image:
    """The picture on white paper, or on black where the ink is bright; strip by strip, as copies may be large."""
    strips = [(rows, (0, rows.start, picture.width, rows.stop)) for rows in _strips(picture)]
    weight, light, least = 0, 0, 255
    for _, box in strips:
        ink = picture.crop(box).convert("RGBA")
        opacity = np.asarray(ink.getchannel("A"), dtype=np.int64)
        weight += int(opacity.sum())
        light += int((np.asarray(ink.convert("L")) * opacity).sum())
        least = min(least, int(opacity.min()))
    paper = "black" if weight and light / weight > 127 and least < 255 else "white"
    made = Image.new("RGB", picture.size)
    for rows, box in strips:
        ink = picture.crop(box).convert("RGBA")
        made.paste(Image.alpha_composite(Image.new("RGBA", ink.size, paper), ink).convert("RGB"), (0, rows.start))
    return made


def _strips(picture: Image.Image) -> list[slice]:
    """Its rows in parts, each of about a million pixels."""
    height = max(_STRIP // picture.width, 1)
    return [slice(start, min(start + height, picture.height)) for start in range(0, picture.height, height)]
