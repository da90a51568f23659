"""Configurations as rows: what is alike lies close, whatever kind of range it comes from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from range_strategies import ranges

from tuning.oracles.surrogate.features import Features
from tuning.space.points import Point
from tuning.space.ranges import Choices, FloatRange, IntRange

RANGES = {
    "rate": FloatRange(low=1e-4, high=1e-2, log=True),
    "units": IntRange(low=8, high=64, step=8),
    "size": Choices(values=(32, 64, 128), is_ordered=True),
    "kind": Choices(values=("a", "b", "c")),
    "fixed": Choices(values=(1,)),
}


def point(**values: object) -> Point:
    return Point(values=values, ranges={name: RANGES[name] for name in values})


FULL = point(rate=1e-3, units=8, size=64, kind="b", fixed=1)


def test_numbers_lie_where_their_scale_has_them_and_words_have_columns() -> None:
    row = Features.of([FULL]).rows([FULL.values])[0]

    assert row[:3] == pytest.approx([0.5, 1 / 16, 0.5])
    assert row[3:] == pytest.approx([0, 1 / np.sqrt(2), 0])


def test_two_words_are_as_far_apart_as_the_ends_of_a_range() -> None:
    rows = Features.of([FULL]).rows([{**FULL.values, "kind": kind} for kind in "abc"])

    assert np.linalg.norm(rows[0] - rows[1]) == pytest.approx(1)
    assert np.linalg.norm(rows[1] - rows[2]) == pytest.approx(1)


def test_what_a_configuration_lacks_lies_half_way() -> None:
    assert Features.of([FULL]).rows([{"size": 32}])[0] == pytest.approx([0.5, 0.5, 1 / 6, 0, 0, 0])


def test_a_range_that_depends_on_others_is_placed_among_the_values_that_it_took() -> None:
    points = [
        Point(values={"units": 8}, ranges={"units": IntRange(low=8, high=16)}),
        Point(values={"units": 48}, ranges={"units": IntRange(low=8, high=64)}),
    ]

    assert Features.of(points).rows([{"units": 28}])[0] == pytest.approx([0.5])


def test_a_default_outside_its_range_is_placed_all_the_same() -> None:
    outside = Point(values={"rate": 1.0, "size": 99}, ranges={name: RANGES[name] for name in ("rate", "size")})

    assert Features.of([outside]).rows([outside.values])[0] == pytest.approx([1.0, 0.5])


@given(domain=ranges(), fraction=st.floats(0, 1))
def test_every_value_of_every_range_has_a_place(domain, fraction) -> None:
    values = {"x": domain.at(fraction)}

    row = Features.of([Point(values=values, ranges={"x": domain})]).rows([values])

    assert ((row >= 0) & (row <= 1)).all()
