"""Options that are declared as the fields of a dataclass, and what a parser knows of all its options."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts.options.declared import Option, OptionParser, extensible_options, option


@dataclass(frozen=True, kw_only=True)
class Asked:
    name: str = option("text", metavar="NAME", default="usual")
    most_trials: int = option("a number", default=0, is_extensible=True)
    share: float | None = option("a share", metavar="S", otherwise="all")
    is_loud: bool = option("a flag", default=False)
    file: Path | None = option("a path", metavar="FILE", one_of="source")
    folder: Path | None = option("a path", metavar="DIR", one_of="source")
    callback: tuple[str, ...] = option("texts", default=())
    space: Mapping[str, Any] = option("a file", default=dict, is_extensible=True)


@pytest.fixture
def parser() -> OptionParser:
    made = OptionParser(prog="it", allow_abbrev=False)
    made.add_options(Asked)
    return made


def test_each_is_read_as_the_kind_of_its_field(parser: OptionParser) -> None:
    words = ["--name", "a", "--most-trials", "3", "--share", "0.5", "--is-loud", "--file", "f", "--callback", "b"]

    arguments = parser.parse_args([*words, "--callback", "c", "--space", "s.toml"])

    assert vars(arguments) == {
        "name": "a",
        "most_trials": 3,
        "share": 0.5,
        "is_loud": True,
        "file": Path("f"),
        "folder": None,
        "callback": ["b", "c"],
        "space": "s.toml",
    }


def test_what_is_not_given_is_none(parser: OptionParser) -> None:
    assert set(vars(parser.parse_args([])).values()) == {None}


def test_the_help_names_defaults(parser: OptionParser) -> None:
    lines = [" ".join(line.split()) for line in parser.format_help().splitlines()]

    assert "--name NAME text (default: usual)" in lines
    assert "--most-trials N a number (default: 0)" in lines
    assert "--share S a share (default: all)" in lines
    assert "--is-loud a flag" in lines
    assert "--callback N texts" in lines


def test_of_alternatives_one_at_most_is_given(parser: OptionParser, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser.parse_args(["--file", "f", "--folder", "g"])

    assert "argument --folder: not allowed with argument --file" in capsys.readouterr().err
    assert parser.alternatives == [frozenset({"file", "folder"})]


def test_the_parser_knows_its_options(parser: OptionParser) -> None:
    parser.add_argument("paths", nargs="*")
    parser.add_argument("--json", action="store_true")

    assert list(parser.options) == [
        *("help", "name", "most-trials", "share", "is-loud", "file", "folder", "callback", "space", "json"),
    ]
    assert parser.options["json"] == Option(name="json", is_flag=True, is_repeatable=False)
    assert parser.options["callback"] == Option(name="callback", is_flag=False, is_repeatable=True)


def test_alternatives_can_be_required() -> None:
    made = OptionParser(prog="it", exit_on_error=False)
    made.add_alternatives({"--one": {}, "--other": {}}, required=True)

    with pytest.raises((SystemExit, argparse.ArgumentError)):
        made.parse_args([])


def test_what_a_resumed_run_may_change_is_known() -> None:
    assert extensible_options(Asked) == {"most_trials", "space"}
