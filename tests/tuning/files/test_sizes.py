"""Sizes as text."""

from __future__ import annotations

import pytest

from tuning.errors import InputError
from tuning.files.sizes import parse_size


@pytest.mark.parametrize(
    ("text", "size"), [("2GB", 2 * 10**9), ("500MB", 5 * 10**8), ("1.5KB", 1500), ("0MB", 0), ("0.000001KB", 0)]
)
def test_a_size_is_a_number_and_a_unit(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "2", "GB", "-1GB", "2gb", "2 GB", "1e3GB", ".5GB", "2TB", "٢GB", "9" * 10 + "GB"])
def test_anything_else_is_refused(text):
    with pytest.raises(InputError, match="a size must be a number with a unit, like 500MB or 2GB, got"):
        parse_size(text)
