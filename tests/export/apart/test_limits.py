"""Limits are what the options say, else what the machine and its container have."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from export.apart import limits
from export.apart.limits import Limits


def test_a_container_with_less_memory_than_the_machine_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory.max").write_text("1073741824\n", encoding="utf-8")
    monkeypatch.setattr(limits, "_CONTAINER", tmp_path / "memory.max")

    assert Limits().most_bytes == 0.75 * 2**30


@pytest.mark.parametrize("content", ["max\n", None])
def test_without_a_container_the_machine_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "memory.max").write_text(content, encoding="utf-8")
    monkeypatch.setattr(limits, "_CONTAINER", tmp_path / "memory.max")

    assert Limits().most_bytes == 0.75 * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_where_nobody_knows_the_memory_there_is_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> int:
        raise ValueError(name)

    monkeypatch.setattr("os.sysconf", refuse)

    assert math.isinf(Limits().most_bytes)
    assert Limits(memory_bytes=5).most_bytes == 5
