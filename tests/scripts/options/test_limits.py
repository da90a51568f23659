"""`--time-limit` and `--memory-limit` are read, or refused in one sentence."""

from __future__ import annotations

import argparse

import pytest

from export.apart.limits import USUAL, Limits
from export.errors import InputError
from scripts.options.limits import add_limit_arguments, read_limits


def read(*words: str) -> Limits:
    parser = argparse.ArgumentParser()
    add_limit_arguments(parser)
    return read_limits(parser.parse_args(words))


def test_without_options_the_limits_are_the_usual_ones() -> None:
    assert read() == USUAL


@pytest.mark.parametrize(
    ("size", "mebibytes"), [("500MiB", 500), ("500M", 500), ("2GiB", 2048), ("1.5GB", 1536), ("64MiB", 64)]
)
def test_the_options_are_read(size: str, mebibytes: int) -> None:
    found = read("--time-limit", "90s", "--memory-limit", size)

    assert found == Limits(seconds=90, memory_bytes=mebibytes * 2**20)


@pytest.mark.parametrize("size", ["500", "10MiB", "much", "-1GiB", "1TiB", "", "9" * 5000 + "GiB"])
def test_a_size_that_can_not_be_is_refused(size: str) -> None:
    with pytest.raises(InputError, match="--memory-limit must be 64MiB or more, like 500MiB or 2GiB, got"):
        read(f"--memory-limit={size}")


@pytest.mark.parametrize("time", ["0s", "soon", "10"])
def test_a_time_that_can_not_be_is_refused(time: str) -> None:
    with pytest.raises(InputError, match="--time-limit: a duration must be a number above 0 with a unit"):
        read("--time-limit", time)


def test_memory_that_can_not_be_watched_is_not_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("export.apart.limits.resident_bytes", lambda pid: None)

    with pytest.raises(InputError, match="--memory-limit needs a system that tells the memory of other processes"):
        read("--memory-limit", "1GiB")
