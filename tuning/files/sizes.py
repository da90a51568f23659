"""Sizes as text."""

from __future__ import annotations

import re

from tuning.errors import InputError

_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9}


def parse_size(text: str) -> int:
    """Bytes of `500MB` or `2.5GB`. Raises InputError for anything else; 0 is a size."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([KMG]B)", text)
    if match is None:
        raise InputError(f"a size must be a number with a unit, like 500MB or 2GB, got {text!r}")
    return int(float(match[1]) * _UNITS[match[2]])
