"""Configurations to try first, as a file holds them."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from tuning.errors import InputError
from tuning.space.first_file import configurations_from


def test_every_table_is_a_configuration_in_its_order() -> None:
    text = """
[[configuration]]
learning_rate = 0.003
[[configuration]]
head = "average"
wide = true
"""

    assert configurations_from(tomllib.loads(text)) == ({"learning_rate": 0.003}, {"head": "average", "wide": True})


def test_an_empty_file_holds_none() -> None:
    assert configurations_from({}) == ()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"rate": 0.1},
            r"what is to be tried first must be \[\[configuration\]\] tables alone, got rate",
        ),
        ({"configuration": {"a": 1}}, r"what is to be tried first must be \[\[configuration\]\] tables alone, got"),
        ({"configuration": [3]}, "configuration 1 to try first must be a table of values, got 3"),
        (
            {"configuration": [{"a": 1}, {"b": [1, 2]}]},
            r"b in configuration 2 to try first must be one value, got \[1, 2\]",
        ),
    ],
    ids=str,
)
def test_anything_else_is_refused(data: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        configurations_from(data)
