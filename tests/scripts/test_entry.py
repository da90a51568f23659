"""How bad input is told: on one line, with nothing in it that a terminal would obey."""

from __future__ import annotations

import argparse
import sys

import pytest

from scripts import _entry
from tuning.errors import InputError


@pytest.fixture(autouse=True)
def _own_hook(monkeypatch):
    """What a command does about lost interrupts ends with the test."""
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("there is no\n  file a", "there is no file a"),
        ("it fails (\x1b[1mbold\x1b[0m): mend it", "it fails (bold): mend it"),
        ("caf\udce9 is missing", r"caf\xe9 is missing"),
        ("a\x07b is missing", r"a\x07b is missing"),
    ],
)
def test_a_refusal_is_one_readable_line(sentence, expected, capsys):
    def refuse(arguments):
        raise InputError(sentence)

    assert _entry._guard(refuse, argparse.Namespace(json=False)) == 2
    assert capsys.readouterr().err == f"{expected}\n"


def test_what_was_refused_of_several_inputs_comes_after_the_result(capsys):
    outcome = _entry.CommandOutcome(result={"a": 1}, next_command="more", refused=["one\nis bad", "two is bad"])

    assert _entry._guard(lambda arguments: outcome, argparse.Namespace(json=True)) == 2
    printed = capsys.readouterr()
    assert printed.out == '{"a": 1}\n'
    assert printed.err == "next: more\none is bad\ntwo is bad\n"
