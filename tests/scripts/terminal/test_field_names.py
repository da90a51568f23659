"""Fields that the library's messages name are options on the command line."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from scripts.terminal.console import Console
from scripts.terminal.field_names import OPTIONS, with_options

TUNING = Path(__file__).resolve().parents[3] / "tuning"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("leave out `balance_classes`", "leave out --class-weight"),
        ("`objective` must be NAME, got `loss`", "--objective must be NAME, got `loss`"),
        ("nothing of the kind", "nothing of the kind"),
    ],
)
def test_a_field_becomes_its_option(message: str, expected: str) -> None:
    assert with_options(message) == expected


def test_what_is_printed_names_options() -> None:
    console = Console(io.StringIO())
    console.print("give `labels` numbers")
    assert console._file.getvalue() == "give --labels numbers\n"  # type: ignore[attr-defined]


def test_the_library_names_no_option_and_every_field_that_it_names_has_one() -> None:
    lines = [
        line.partition("#")[0]
        for path in TUNING.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if '"""' not in line
    ]
    texts = [text for line in lines for text in re.findall(r'"[^"]*"', line)]

    assert not [text for text in texts if re.search(r"(^|[ \"(])--[a-z]", text)]
    assert {name for text in texts for name in re.findall(r"`(\w+)`", text)} <= set(OPTIONS)
