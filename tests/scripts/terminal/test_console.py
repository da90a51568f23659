"""Commands print text through rich where it is, and the same in plain text where it is not."""

from __future__ import annotations

import io
import re
import sys
import time
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scripts.terminal.console import Console, Table, bold, dim, green, make_console, red, yellow
from tuning.plain_names import flaw, readable

NASTY = [
    "[@[a]",
    "[bold]a[/bold]",
    "[/]",
    "[link=file:///etc/passwd]a[/link]",
    ":smile:",
    "\\[red]",
    "\x1b[31mred",
    "\x1b]52;c;cm0gLXJm\x07",
    "\x9b2J",
    "a\rb",
    "a\nb",
    "a\x00b",
    "a\tb",
    "a\x08b",
    "\u202eexe.gnp",
    "\u2066a\u2069",
    "a\u200fb",
    "a\u2028b",
    "\udc1b[2J",
]


@pytest.fixture(params=["rich", "plain", "terminal"])
def printed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """`printed(parts…)`: what is printed of them, but for the colours of a terminal."""
    if request.param == "plain":
        monkeypatch.setattr("scripts.terminal.console.find_spec", lambda name: None)

    def text_of(*parts: object, table: Table | None = None) -> str:
        file = io.StringIO()
        console = Console(file, width=40, is_terminal=request.param == "terminal")
        console.print(*parts) if table is None else console.print_table(table)  # type: ignore[arg-type]
        return re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue()) if request.param == "terminal" else file.getvalue()

    return text_of


@pytest.fixture
def without_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.terminal.console.find_spec", lambda name: None)


def test_with_rich_its_console_prints_where_people_read() -> None:
    assert make_console(json_output=False).rich.file is sys.stdout
    assert make_console(json_output=True).rich.file is sys.stderr


@pytest.mark.usefixtures("without_rich")
def test_without_rich_the_same_goes_out_in_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    make_console(json_output=False).print(bold("model.onnx: "), red("DIFFERS"), yellow(" a"), green(" b"), dim(" c"))
    make_console(json_output=True).print("told aside")

    output = capsys.readouterr()
    assert (output.out, output.err) == ("model.onnx: DIFFERS a b c\n", "told aside\n")


def test_a_terminal_shows_colours() -> None:
    file = io.StringIO()

    Console(file, is_terminal=True).print("a", red("b"))

    assert file.getvalue() == "a\x1b[31mb\x1b[0m\n"


@pytest.mark.parametrize("text", NASTY)
def test_whatever_a_name_holds_is_printed_as_text(text: str, printed: Callable[..., str]) -> None:
    shown = readable(text)

    assert flaw(shown) == ""
    assert printed(text, red(text)) == f"{shown}{shown}\n"


@given(st.text(st.sampled_from("ab Zé1[]/#@×\\:\x1b\n\r\u202e"), max_size=30))
@example("[@[@]")
def test_any_text_is_printed_as_it_is_by_both(text: str) -> None:
    rich, plain = io.StringIO(), io.StringIO()
    Console(rich, width=10).print(text)
    without = Console(plain)
    without.rich = None
    without.print(text)

    assert rich.getvalue() == plain.getvalue() == readable(text) + "\n"


def test_a_line_of_any_length_is_one_line(printed: Callable[..., str]) -> None:
    assert printed("a word " * 50, green("same")) == "a word " * 50 + "same\n"


def test_a_table_is_aligned_and_never_cut(printed: Callable[..., str]) -> None:
    table = Table()
    table.add_column("file")
    table.add_column("size", "kB", is_right=True)
    table.add_column("verdict")
    table.add_row("model.onnx", "9", green("same"))
    table.add_row("a_name_that_is_longer_than_the_terminal_is_wide", [yellow("~"), "1234"], [red("DIFFERS"), "!"])
    table.add_row("猫e\u0301\x1b", "", "")

    assert printed(table=table).splitlines() == [
        "file                                              size  verdict",
        "                                                    kB",
        "model.onnx                                           9  same",
        "a_name_that_is_longer_than_the_terminal_is_wide  ~1234  DIFFERS!",
        "猫e\u0301\\x1b",
    ]


def test_what_is_under_way_is_not_told_in_plain_text() -> None:
    file = io.StringIO()
    console = Console(file)
    console.rich = None

    with console.status("verifying") as status:
        status.update("verifying model.onnx")

    assert file.getvalue() == ""
    assert console.width == 80


def test_what_is_under_way_is_text_too() -> None:
    file = io.StringIO()

    with Console(file, is_terminal=True, width=80).status("[bold]a\x1b]0;b") as status:
        time.sleep(0.2)
        status.update("[red]c\n")
        time.sleep(0.2)

    assert r"[bold]a\x1b]0;b" in file.getvalue()
    assert r"[red]c\n" in file.getvalue()
