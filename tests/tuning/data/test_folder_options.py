"""How a folder is read, in words that JSON has."""

from __future__ import annotations

import json
import re

import pytest

from tuning.data.folder_options import FolderOptions, parse_image_size
from tuning.errors import InputError


@pytest.mark.parametrize("size", [None, (64, 48)])
def test_options_come_back_from_json_as_they_were(size):
    options = FolderOptions(path="/data", image_size=size, seed=4, skip_corrupt=True)
    assert FolderOptions.from_json(json.loads(json.dumps(options.as_json()))) == options


@pytest.mark.parametrize(
    ("text", "size"), [("64", (64, 64)), ("64x48", (64, 48)), ("1×4096", (1, 4096)), (" 8x9 ", (8, 9))]
)
def test_a_size_is_height_times_width_or_one_side(text, size):
    assert parse_image_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "4097", "64x", "x64", "-3", "64x0", "64x64x3", "6.5", "big", "٦٤"])
def test_what_is_no_size_is_refused(text):
    message = f"`image_size` must be HEIGHTxWIDTH or one number, 1 to 4096 pixels, like 64x64, got {text}"
    with pytest.raises(InputError, match=re.escape(message)):
        parse_image_size(text)
