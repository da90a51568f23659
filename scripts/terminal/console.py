"""What a command prints: parts of a line in a colour each, and tables; through rich where it is installed.

A part is text and never markup, whatever it holds; control characters are shown by their escapes. So names and reasons
from any file can be printed, and nothing that a terminal would obey.
"""

from __future__ import annotations

import contextlib
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import zip_longest
from typing import Any, TextIO

from scripts.terminal.field_names import with_options
from tuning.plain_names import readable


@dataclass(frozen=True)
class Styled:
    """A part of a line in a colour, or bold, or dim."""

    text: str
    style: str


Part = str | Styled
Cell = Part | Sequence[Part]


def red(text: str) -> Styled:
    """A no."""
    return Styled(text, "red")


def green(text: str) -> Styled:
    """A yes."""
    return Styled(text, "green")


def yellow(text: str) -> Styled:
    """A doubt."""
    return Styled(text, "yellow")


def bold(text: str) -> Styled:
    """A heading or a result."""
    return Styled(text, "bold")


def dim(text: str) -> Styled:
    """An aside."""
    return Styled(text, "dim")


def make_console(*, json_output: bool) -> Console:
    """On stdout, or on stderr when stdout belongs to the JSON result."""
    return Console(sys.stderr if json_output else sys.stdout)


class Console:
    """Prints lines. `rich`: rich's own console, for progress bars; None where it is not installed."""

    def __init__(self, file: TextIO, *, width: int | None = None, is_terminal: bool | None = None) -> None:
        """`width` and `is_terminal` are found out by themselves."""
        self._file = file
        self.rich: Any = None
        if find_spec("rich") is not None:
            from rich.console import Console as RichConsole

            self.rich = RichConsole(
                file=file,
                width=width,
                force_terminal=is_terminal,
                soft_wrap=True,
                markup=False,
                highlight=False,
                emoji=False,
            )

    @property
    def width(self) -> int:
        """Columns of the terminal."""
        return self.rich.width if self.rich is not None else 80

    def print(self, *parts: Part) -> None:
        """One line of the parts, with nothing between them; of any length, and never cut."""
        texts = [(with_options(_text(part)), part.style if isinstance(part, Styled) else "") for part in parts]
        shown = [(readable(text), style) for text, style in texts]
        if self.rich is None:
            print("".join(text for text, _ in shown), file=self._file)
            return
        from rich.text import Text

        self.rich.print(Text.assemble(*shown))

    def print_table(self, table: Table) -> None:
        """As wide as its cells: a terminal that is narrower wraps the lines, and shows everything."""
        for line in table.lines():
            self.print(*line)

    @contextlib.contextmanager
    def status(self, text: str) -> Iterator[StatusLine]:
        """Say what is under way, where it can be taken back: on a terminal."""
        if self.rich is None:
            yield StatusLine(None)
            return
        spinner = "dots" if self.rich.encoding.startswith("utf") else "line"
        with self.rich.status("", spinner=spinner) as bar:
            status = StatusLine(bar)
            status.update(text)
            yield status


class StatusLine:
    """What is under way."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def update(self, text: str) -> None:
        """Say something else."""
        if self._bar is not None:
            from rich.text import Text

            self._bar.update(Text(readable(text)))


class Table:
    """Aligned columns, without lines between them."""

    def __init__(self, *, gap: int = 2) -> None:
        """`gap`: spaces between columns."""
        self._gap = " " * gap
        self._names: list[list[Part]] = []
        self._are_right: list[bool] = []
        self._rows: list[list[Sequence[Part]]] = []

    def add_column(self, *names: str, is_right: bool = False) -> None:
        """`names`: the lines of its heading."""
        self._names.append([bold(readable(name)) if name else "" for name in names])
        self._are_right.append(is_right)

    def add_row(self, *cells: Cell) -> None:
        """A cell is a part, or several."""
        self._rows.append([[cell] if isinstance(cell, str | Styled) else cell for cell in cells])

    def lines(self) -> list[list[Part]]:
        """The table in lines, with nothing behind the last cell of each."""
        headings: list[list[Sequence[Part]]] = [
            [[name] for name in names] for names in zip_longest(*self._names, fillvalue="")
        ]
        rows = [*headings, *self._rows]
        widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
        return [self._line(row, widths) for row in rows]

    def _line(self, row: Sequence[Sequence[Part]], widths: Sequence[int]) -> list[Part]:
        line: list[Part] = []
        for cell, width, is_right in zip(row, widths, self._are_right, strict=True):
            padding = " " * (width - _width(cell))
            line += [padding, *cell, self._gap] if is_right else [*cell, padding, self._gap]
        while line and not _text(line[-1]).strip():
            line.pop()
        return line


def _text(part: Part) -> str:
    return part.text if isinstance(part, Styled) else part


def _width(cell: Sequence[Part]) -> int:
    """Columns that the cell takes: Chinese and the like take two a character, and accents none."""
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for part in cell
        for one in readable(_text(part))
    )
