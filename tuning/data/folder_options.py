"""How a folder of pictures is read: what a run has to remember so that it finds the same data again."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tuning.errors import InputError
from tuning.files.json_record import JsonRecord

LARGEST_SIDE = 4096


@dataclass(frozen=True, kw_only=True)
class FolderOptions(JsonRecord):
    """What decides, beside the files, which examples a folder of pictures gives.

    `image_size`: (height, width) that every picture is fitted to; None: they have one size already. `seed` chooses the
    test pictures of a folder without `test/`. `skip_corrupt` leaves out what can't be read instead of refusing it.

    Raises ValueError for a size that is none.
    """

    path: str
    image_size: tuple[int, int] | None = None
    seed: int = 0
    skip_corrupt: bool = False

    def __post_init__(self) -> None:
        size = self.image_size
        if size is not None and not all(1 <= side <= LARGEST_SIDE for side in size):
            raise ValueError(f"image_size must be two whole numbers of 1 to {LARGEST_SIDE}, got {list(size)}")


def parse_image_size(text: str) -> tuple[int, int]:
    """`HEIGHTxWIDTH`, or one number for both, in pixels → (height, width). Raises InputError."""
    match = re.fullmatch(r"([0-9]{1,5})(?:[x×]([0-9]{1,5}))?", text.strip())
    sides = [int(side) for side in match.groups() if side is not None] if match else []
    if not sides or not all(1 <= side <= LARGEST_SIDE for side in sides):
        raise InputError(
            f"`image_size` must be HEIGHTxWIDTH or one number, 1 to {LARGEST_SIDE} pixels, like 64x64, got {text}"
        )
    return sides[0], sides[-1]
