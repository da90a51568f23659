"""The middle size runs some cases of each slow test, the same ones every time."""

from __future__ import annotations

from case_sample import FEWEST, ONE_IN, sample

NAMES = [f"test_it[{number}]" for number in range(60)]


def test_a_few_cases_are_all_run() -> None:
    assert sample(NAMES[:FEWEST]) == set(NAMES[:FEWEST])


def test_of_many_some_are_run_whatever_their_order() -> None:
    assert len(sample(NAMES)) == 60 / ONE_IN
    assert sample(NAMES) == sample(NAMES[::-1])


def test_one_case_more_changes_little() -> None:
    assert len(sample(NAMES[:-1]) - sample(NAMES)) <= 1
