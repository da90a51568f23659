"""What runs of a builder showed of its space: what is taken, what is left, what is likely."""

from __future__ import annotations

import pytest

from tuning.errors import InputError
from tuning.space.known_space import KnownSpace, Walk
from tuning.space.points import Point
from tuning.space.ranges import Choices, FloatRange, IntRange

BOTH = Choices(values=(True, False))
SIZES = IntRange(low=2, high=3)
RATES = FloatRange(low=0.0, high=1.0)


def point(**asked):
    """name=(value, range) …"""
    return Point(
        values={name: value for name, (value, _) in asked.items()},
        ranges={name: domain for name, (_, domain) in asked.items()},
    )


def known(*points, **options):
    space = KnownSpace(**options)
    for each in points:
        space.add(each)
    return space


SMALL = (
    point(pool=(True, BOTH), size=(2, SIZES)),
    point(pool=(True, BOTH), size=(3, SIZES)),
    point(pool=(False, BOTH)),
)


def test_a_space_is_used_up_when_every_value_at_every_place_is():
    assert [known(*SMALL[:count]).is_exhausted for count in range(4)] == [False, False, False, True]


def test_the_order_in_which_points_are_taken_does_not_matter():
    assert known(*reversed(SMALL)).is_exhausted


def test_a_point_taken_twice_is_counted_twice_and_uses_up_no_more():
    space = known(SMALL[0], SMALL[0])

    assert (len(space), space.is_exhausted) == (2, False)


def test_a_builder_that_asks_for_nothing_has_one_point():
    assert known(point()).is_exhausted


def test_a_range_of_real_numbers_is_never_used_up_but_on_a_grid():
    listed = [point(rate=(value, RATES)) for value in RATES.list_values()]

    assert not known(*listed).is_exhausted
    assert known(*listed, lists_reals=True).is_exhausted


def test_a_default_beside_the_steps_of_its_range_uses_up_none_of_them():
    steps = IntRange(low=8, high=24, step=16)

    space = known(*(point(units=(value, steps)) for value in (20, 8)))

    assert not space.is_exhausted
    space.add(point(units=(24, steps)))
    assert space.is_exhausted


def test_true_and_one_are_two_values():
    mixed = Choices(values=(1, 2))

    space = known(point(x=(1, mixed)))

    assert space.is_taken({"x": 1})
    assert not space.is_taken({"x": True})


@pytest.mark.parametrize(
    ("values", "is_taken"),
    [
        ({"pool": True, "size": 2}, True),
        ({"pool": False, "size": 2}, True),
        ({"pool": True, "size": 3}, False),
        ({"pool": True}, False),
        ({}, False),
    ],
)
def test_what_is_taken_is_told_by_the_names_that_count(values, is_taken):
    assert known(SMALL[0], SMALL[2]).is_taken(values) is is_taken


def test_nothing_is_taken_of_an_unknown_space():
    assert not KnownSpace().is_taken({})


def test_what_ended_there_may_go_on():
    """A build that failed may have been about to ask for more."""
    space = known(point(pool=(False, BOTH)), *SMALL[:2])
    assert space.is_exhausted

    space.add(point(pool=(False, BOTH), size=(2, SIZES)))

    assert not space.is_exhausted


def test_another_question_after_the_same_values_is_refused():
    space = known(SMALL[0])

    with pytest.raises(
        InputError,
        match=r"the model builder asks for depth \(2 to 3\) where, after the same values, it asked for size \(2 to 3\)",
    ):
        space.add(point(pool=(True, BOTH), depth=(2, SIZES)))
    with pytest.raises(InputError, match=r"let what it asks for depend on hp alone"):
        Walk(space).values("size", SIZES)


def test_a_walk_offers_the_values_that_lead_to_new_points():
    walk = Walk(known(SMALL[0], SMALL[2]))

    first = walk.values("pool", BOTH)
    walk.go(True)
    second = walk.values("size", SIZES)

    assert (True in first, False in first) == (True, False)
    assert (second.first(), second.draw(iter([0.0] * 21))) == (3, 3)


def test_after_a_value_that_no_point_has_everything_is_new():
    walk = Walk(known(point(depth=(2, SIZES), units=(2, SIZES))))

    walk.values("depth", SIZES)
    walk.go(3)

    assert walk.values("anything", SIZES).first() == 2


def test_a_sample_follows_the_nearest_known_value():
    deep = IntRange(low=1, high=100)
    space = known(
        point(first=(10, deep), second=(5, IntRange(low=5, high=10))),
        point(first=(90, deep), second=(5, IntRange(low=5, high=90)), third=(True, BOTH)),
    )
    asked: dict = {}

    def choose(name, domain):
        asked[name] = domain
        return 80 if name == "first" else domain.list_values()[0]

    assert space.sample(choose) == {"first": 80, "second": 5, "third": True}
    assert asked["second"] == IntRange(low=5, high=90)


def test_a_sample_of_an_unknown_space_is_empty():
    assert KnownSpace().sample(lambda name, domain: 1) == {}
