"""The READMEs of the project, and their code blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("tuning", "export", "scripts", "tests")
PATHS = [ROOT / "README.md", *sorted(path for room in ROOMS for path in (ROOT / room).rglob("README.md"))]
READMES = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PATHS}
"""Relative path → text. A new README is checked and run without being listed."""

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\w+\.py)\n")
RUNTIME = re.compile(r"(\w+), with `pip install ([^`]+)`[^\n]*\n\n$")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block: its language, its lines, and the text of the README before it."""

    language: str
    text: str
    before: str

    @property
    def file(self) -> str | None:
        """The name of the file that it is, by its first line."""
        named = FILE.match(self.text)
        return named.group(1) if named else None

    @property
    def runtime(self) -> tuple[str, list[str]] | None:
        """The format whose files it runs, and the packages that it needs for that alone."""
        found = RUNTIME.search(self.before)
        return (found.group(1), found.group(2).split()) if found else None

    @property
    def section(self) -> str:
        return re.findall(r"^#+ (.*)$", without_blocks(self.before), re.MULTILINE)[-1]


def blocks(readme: str) -> list[Block]:
    text = READMES[readme]
    return [
        Block(language=fence.group(1), text=fence.group(2), before=text[: fence.start()])
        for fence in FENCE.finditer(text)
    ]


def without_blocks(text: str) -> str:
    return FENCE.sub("", text)
