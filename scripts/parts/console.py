"""Where a check prints: through rich, or in plain text where only a runtime is installed."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any, TextIO

# Markup begins with a small letter or a slash; what rich takes for links and the like is not used here.
_TAG = re.compile(r"(?<!\\)\[(?:[a-z][a-z ]*|/[a-z ]*)\]")


def make_console(*, json_output: bool) -> Any:
    """rich's Console, or a PlainConsole: on stdout, or on stderr when stdout belongs to the JSON result."""
    file = sys.stderr if json_output else sys.stdout
    if find_spec("rich") is None:
        return PlainConsole(file)
    from rich.console import Console

    return Console(file=file, highlight=False, soft_wrap=True)


def make_table() -> Any:
    """rich's Table, without lines, or a PlainTable."""
    if find_spec("rich") is None:
        return PlainTable()
    from rich.table import Table

    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))


def escape(text: str) -> str:
    """The text with brackets that are no markup."""
    return re.sub(r"(\\*)(\[[a-z#/@][^[]*?\])", r"\1\1\\\2", text)


class PlainConsole:
    """What a check needs of rich's Console: no colours, no bars, and markup left out."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def print(self, *objects: object) -> None:
        print(*(_without_markup(str(one)) for one in objects), file=self._file)

    @contextlib.contextmanager
    def status(self, text: str) -> Iterator[PlainStatus]:
        yield PlainStatus()


class PlainStatus:
    """Says nothing of what is under way: only a terminal can take it back."""

    def update(self, text: str) -> None: ...


class PlainTable:
    """What a check needs of rich's Table: aligned columns."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._right: list[bool] = []
        self._rows: list[tuple[str, ...]] = []

    def add_column(self, name: str, *, justify: str = "left", no_wrap: bool = True) -> None:
        self._names.append(name)
        self._right.append(justify == "right")

    def add_row(self, *cells: str) -> None:
        self._rows.append(tuple(_without_markup(cell) for cell in cells))

    def __str__(self) -> str:
        rows = [tuple(self._names), *self._rows]
        widths = [max(len(row[at]) for row in rows) for at in range(len(self._names))]
        lines = (
            "  ".join(
                cell.rjust(width) if right else cell.ljust(width)
                for cell, width, right in zip(row, widths, self._right, strict=True)
            )
            for row in rows
        )
        return "\n".join(line.rstrip() for line in lines)


def _without_markup(text: str) -> str:
    return _TAG.sub("", text).replace("\\[", "[")
