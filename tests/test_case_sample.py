"""Some cases of each slow test stand for all of them, the same ones every time."""

from __future__ import annotations

import pytest
from case_sample import sample

NAMES = [f"test_it[{number}]" for number in range(60)]


@pytest.mark.parametrize("names", [NAMES[:1], NAMES[:8]])
def test_one_at_least_is_run(names: list[str]) -> None:
    assert len(sample(names, 8)) == 1


def test_all_are_run_where_nothing_is_left_out() -> None:
    assert sample(NAMES, 1) == set(NAMES)


def test_of_many_some_are_run_whatever_their_order() -> None:
    assert len(sample(NAMES, 8)) == 8
    assert sample(NAMES, 8) == sample(NAMES[::-1], 8)


def test_a_larger_sample_holds_the_smaller_one() -> None:
    assert sample(NAMES, 8) <= sample(NAMES, 3)


def test_one_case_more_changes_little() -> None:
    assert len(sample(NAMES[:-1], 3) - sample(NAMES, 3)) <= 1
