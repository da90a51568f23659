"""Checks print through rich where it is, and the same in plain text where it is not."""

from __future__ import annotations

import io
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scripts.parts.console import PlainConsole, PlainTable, escape, make_console, make_table


@pytest.fixture
def without_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.parts.console.find_spec", lambda name: None)


def test_with_rich_its_console_prints_where_people_read() -> None:
    assert type(make_console(json_output=False)).__module__ == "rich.console"
    assert type(make_table()).__module__ == "rich.table"
    assert make_console(json_output=True).file is sys.stderr


@pytest.mark.usefixtures("without_rich")
def test_without_rich_the_same_goes_out_in_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    make_console(json_output=False).print("[bold]model.onnx:[/] [red]DIFFERS[/]")
    make_console(json_output=True).print("told aside")

    output = capsys.readouterr()
    assert (output.out, output.err) == ("model.onnx: DIFFERS\n", "told aside\n")


@pytest.mark.usefixtures("without_rich")
def test_a_plain_table_is_aligned() -> None:
    table = make_table()
    table.add_column("file", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_row("model.onnx", "9 kB")
    table.add_row("a", "[green]1234 kB[/]")

    assert str(table).splitlines() == ["file           size", "model.onnx     9 kB", "a           1234 kB"]
    assert isinstance(table, PlainTable)


def test_what_is_under_way_is_not_told_in_plain_text() -> None:
    file = io.StringIO()

    with PlainConsole(file).status("verifying") as status:
        status.update("verifying model.onnx")

    assert file.getvalue() == ""


@given(st.text(st.sampled_from("ab Zé1[]/#@×"), max_size=30))
@example("[@[@]")
def test_escaped_text_is_printed_as_it_is_by_both(text: str) -> None:
    from rich.console import Console

    plain, rich = io.StringIO(), io.StringIO()
    PlainConsole(plain).print(escape(text))
    Console(file=rich, width=1000, highlight=False, soft_wrap=True, emoji=False).print(escape(text))

    assert plain.getvalue() == text + "\n"
    assert rich.getvalue() == text + "\n"
