"""Configurations that differ in numbers, words and in what they have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.space.distance import distance, observed_scales

SEEN = [
    {"rate": 0.001, "units": 10, "pool": "max", "bias": True},
    {"rate": 0.1, "units": 30, "pool": "average", "bias": False, "dropout": 0.5},
]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 0.0),
        ({"rate": 0.01}, 0.5 / 4),
        ({"units": 15}, 0.25 / 4),
        ({"pool": "average"}, 1 / 4),
        ({"bias": False}, 1 / 4),
        ({"dropout": 0.5}, 1 / 5),
    ],
    ids=["the same", "wide range", "narrow range", "word", "boolean", "absent in one"],
)
def test_every_hyperparameter_weighs_the_same(changes, expected):
    scales = observed_scales(SEEN)
    assert distance(SEEN[0], {**SEEN[0], **changes}, scales) == pytest.approx(expected)


def test_a_hyperparameter_that_never_changes_sets_nothing_apart():
    fixed = [{"units": 8}, {"units": 8}]
    assert distance(*fixed, observed_scales(fixed)) == 0.0


def test_numbers_and_words_under_one_name_are_words():
    mixed = [{"units": 8}, {"units": "many"}, {"units": 9}]
    assert distance(mixed[0], mixed[2], observed_scales(mixed)) == 1.0


def test_nothing_is_no_distance_from_nothing():
    assert distance({}, {}, {}) == 0.0


@given(data=st.data())
def test_a_distance_is_0_to_1_and_the_same_from_both_sides(data, configurations):
    first, second = data.draw(configurations), data.draw(configurations)
    scales = observed_scales([first, second])
    assert 0 <= distance(first, second, scales) <= 1 + 1e-9
    assert distance(first, second, scales) == distance(second, first, scales)
    assert distance(first, first, scales) == 0
