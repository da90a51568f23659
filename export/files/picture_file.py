"""A picture's file → the picture upright and composited, as a search over a folder of pictures reads it."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from export.errors import InputError
from tuning.files.bounded_files import read_bounded
from tuning.files.flat_pictures import FORMATS, LARGEST_FILE, UnreadableError, check_size, flatten

_GIVE = "give a PNG or JPEG picture"


def open_picture(path: Path) -> Image.Image:
    """The picture as L or RGB, upright; where it is transparent, on white, or on black under bright ink.

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
                check_size(opened)
                ImageOps.exif_transpose(opened, in_place=True)
                return flatten(opened)
    except UnreadableError as error:
        raise InputError(f"{path} can't be read as a picture (it {error}): give a PNG or JPEG") from error
    except (OSError, SyntaxError, ValueError, RuntimeError, Image.DecompressionBombError) as error:
        # Pillow names what it can't identify by the object that it reads from.
        reason = "no picture" if isinstance(error, UnidentifiedImageError) else " ".join(str(error).split())
        raise InputError(f"{path} can't be read as a picture ({reason}): give a PNG or JPEG") from error
