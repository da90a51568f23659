"""What `pixel_scale` says → what a model gets to see: pixel × factor + offset."""

from __future__ import annotations

import math

from tuning.errors import InputError

NAMED_SCALES = {"unit": (1 / 255, 0.0), "signed": (1 / 127.5, -1.0), "raw": (1.0, 0.0)}
"""0 to 1, −1 to 1, and 0 to 255."""


def parse_pixel_scale(text: str) -> tuple[float, float]:
    """(factor, offset) of `unit`, `signed`, `raw` or `FACTOR,OFFSET`.

    Raises InputError for anything else, for numbers that are not finite, and for a factor of 0, which shows the model
    nothing of the picture.
    """
    if text in NAMED_SCALES:
        return NAMED_SCALES[text]
    try:
        factor, offset = (float(number) for number in text.split(","))
    except ValueError as error:
        raise InputError(
            f"`pixel_scale` must be unit, signed, raw or FACTOR,OFFSET such as 0.0039,0, got {text!r}"
        ) from error
    if not (math.isfinite(factor) and math.isfinite(offset)) or factor == 0:
        raise InputError(f"`pixel_scale` needs finite numbers and a factor other than 0, got {text!r}")
    return factor, offset
