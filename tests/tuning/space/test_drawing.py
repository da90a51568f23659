"""Configurations drawn while a builder runs: new ones, wanted ones, impossible ones."""

from __future__ import annotations

import itertools

import pytest

from tuning.errors import ImpossibleError, InputError, UserCodeError
from tuning.space.drawing import (
    MOST_BUILDS,
    BuildOutcome,
    Drawing,
    Drawn,
    Otherwise,
    complete,
    draw,
    first_point,
    parse,
)
from tuning.space.known_space import KnownSpace
from tuning.space.ranges import Choices, IntRange


class Builder:
    """What a function asks for."""

    name = "my.py:build"

    def __init__(self, ask, **fixed):
        self._ask, self.fixed = ask, fixed

    def ask(self, hp):
        self._ask(hp)

    def described_space(self):
        return {name: str(domain) for name, domain in complete(self, {}).ranges.items()}


def loop(hp):
    for number in range(hp.Int("blocks", 1, 3)):
        hp.Choice(f"kernel_{number}", [3, 5])


def dependent(hp):
    hp.Int("second", 5, hp.Int("first", 10, 12))


def of_one_name(hp):
    if hp.Choice("kind", ["dense", "convolution"]) == "dense":
        hp.Int("units", 64, 66)
    else:
        hp.Choice("units", [4, 8])


def impossible(hp):
    if hp.Int("kernel", 3, 5) > hp.Int("size", 3, 5):
        raise ImpossibleError(
            "my.py:build failed (too large): fix it there", reason="my.py line 3: ValueError: too large"
        )


def all_drawn(builder, *, otherwise=Otherwise.RANDOM, seed=0):
    """Everything until the space is used up."""
    space, found = KnownSpace(lists_reals=otherwise is Otherwise.FIRST), []
    while not space.is_exhausted:
        found.append(draw(builder, Drawing(otherwise=otherwise, seed=seed + len(space)), space))
        space.add(found[-1].point)
    return found


def configurations(found):
    return [tuple(drawn.point.values.items()) for drawn in found]


@pytest.mark.parametrize("otherwise", Otherwise)
@pytest.mark.parametrize(
    ("ask", "count"), [(loop, 2 + 4 + 8), (dependent, 6 + 7 + 8), (of_one_name, 3 + 2), (impossible, 9)]
)
def test_a_space_is_drawn_to_its_last_point_and_no_point_twice(ask, count, otherwise):
    found = configurations(all_drawn(Builder(ask), otherwise=otherwise))

    assert len(set(found)) == len(found) == count


def test_a_grid_has_the_last_hyperparameter_fastest():
    found = configurations(all_drawn(Builder(of_one_name), otherwise=Otherwise.FIRST))

    assert [dict(values)["units"] for values in found] == [64, 65, 66, 4, 8]


def test_a_range_that_depends_on_another_value_is_drawn_from_in_full():
    seen = {}
    for drawn in all_drawn(Builder(dependent)):
        seen.setdefault(drawn.point.values["first"], set()).add(drawn.point.values["second"])

    assert seen == {first: set(range(5, first + 1)) for first in (10, 11, 12)}


def test_the_same_seed_draws_the_same_and_another_one_something_else():
    first, again, other = (configurations(all_drawn(Builder(loop), seed=seed)) for seed in (0, 0, 100))

    assert first == again != other


def test_wanted_values_count_where_they_are_asked_for_and_lead_to_something_new():
    space = KnownSpace()
    wish = Drawing(wanted={"blocks": 2, "kernel_0": 5, "kernel_1": 3, "kernel_2": 5, "unknown": 1})

    first = draw(Builder(loop), wish, space).point
    space.add(first)
    second = draw(Builder(loop), wish, space).point

    assert first.values == {"blocks": 2, "kernel_0": 5, "kernel_1": 3}
    assert second.values == {"blocks": 2, "kernel_0": 5, "kernel_1": 5}


def test_a_wanted_value_outside_the_range_is_drawn_instead_unless_it_is_final():
    wish = {"first": 99, "second": 7}

    drawn = draw(Builder(dependent), Drawing(wanted=wish), KnownSpace()).point
    final = draw(Builder(dependent), Drawing(wanted=wish, is_final=True), KnownSpace()).point

    assert (drawn.values["first"] in range(10, 13), drawn.values["second"]) == (True, 7)
    assert final.values == wish
    assert final.ranges["second"] == IntRange(low=5, high=99)


def test_a_final_drawing_may_be_a_point_that_is_taken():
    space = KnownSpace()
    wish = Drawing(wanted={"kind": "dense", "units": 65}, otherwise=Otherwise.DEFAULT, is_final=True)
    space.add(draw(Builder(of_one_name), wish, space).point)

    assert draw(Builder(of_one_name), wish, space).point.values == wish.wanted


def test_an_impossible_combination_is_told_with_its_reason_and_leaves_no_way_back():
    found = all_drawn(Builder(impossible))

    outcomes = {tuple(drawn.point.values.values()): drawn.outcome for drawn in found}
    assert {pair for pair, outcome in outcomes.items() if outcome is BuildOutcome.IMPOSSIBLE} == {
        (4, 3),
        (5, 3),
        (5, 4),
    }
    assert {drawn.reason for drawn in found} == {"", "my.py line 3: ValueError: too large"}


def test_a_builder_that_fails_has_failed_with_its_traceback():
    def ask(hp):
        hp.Boolean("pool")
        try:
            raise KeyError("mine")
        except KeyError as error:
            raise UserCodeError("told", reason="my.py line 2: KeyError: 'mine'") from error

    drawn = draw(Builder(ask), Drawing(otherwise=Otherwise.DEFAULT), KnownSpace())

    assert (drawn.point.values, drawn.outcome) == ({"pool": False}, BuildOutcome.FAILED)
    assert drawn.reason == "my.py line 2: KeyError: 'mine'"
    assert drawn.traceback.endswith("KeyError: 'mine'\n")


def test_what_is_wrong_with_a_model_is_a_failure_too():
    def ask(hp):
        raise InputError("my.py:build returned a model that is not compiled")

    assert draw(Builder(ask), Drawing(), KnownSpace()) == Drawn(
        point=draw(Builder(lambda hp: None), Drawing(), KnownSpace()).point,
        outcome=BuildOutcome.FAILED,
        reason="my.py:build returned a model that is not compiled",
        traceback=draw(Builder(ask), Drawing(), KnownSpace()).traceback,
    )


def test_a_builder_can_end_the_search():
    def ask(hp):
        raise UserCodeError("my.py:build failed (no data)", reason="no data", ends_the_search=True)

    with pytest.raises(InputError, match=r"my\.py:build failed \(no data\)"):
        draw(Builder(ask), Drawing(), KnownSpace())


def test_a_builder_that_asks_for_something_else_every_time_is_refused():
    highest = itertools.count(10)
    builder = Builder(lambda hp: (hp.Boolean("pool"), hp.Int("units", 1, next(highest))))
    space = KnownSpace()
    space.add(draw(builder, Drawing(otherwise=Otherwise.DEFAULT), space).point)

    with pytest.raises(
        InputError,
        match=r"asks for units \(1 to 11\) where, after the same values, it asked for units \(1 to 10\) before",
    ):
        draw(builder, Drawing(otherwise=Otherwise.DEFAULT), space)


def test_every_value_is_told_before_the_builder_gets_it():
    told = []

    def ask(hp):
        hp.Boolean("pool")
        assert told[-1].values == {"pool": False}
        hp.Int("size", 2, 3)

    draw(Builder(ask), Drawing(otherwise=Otherwise.DEFAULT), KnownSpace(), on_asked=told.append)

    assert [list(point.values) for point in told] == [["pool"], ["pool", "size"]]


def test_what_values_leave_open_is_completed_by_defaults():
    point = complete(Builder(loop), {"blocks": 2, "kernel_1": 5})

    assert point.values == {"blocks": 2, "kernel_0": 3, "kernel_1": 5}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"blocks": 4}, "blocks must be 1 to 3, got 4"),
        ({"blocks": 2, "kernel_0": 4}, "kernel_0 must be one of 3, 5, got 4"),
        ({"kernel": 3}, r"unknown hyperparameter kernel: did you mean kernel_0\?"),
        ({"blocks": 1, "kernel_1": 3}, r"unknown hyperparameter kernel_1: did you mean kernel_0\?"),
    ],
)
def test_values_that_the_builder_does_not_take_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        complete(Builder(loop), values)


def test_values_for_a_builder_that_fails_on_them_are_refused_with_its_own_words():
    with pytest.raises(ImpossibleError, match=r"my\.py:build failed \(too large\)"):
        complete(Builder(impossible), {"kernel": 5, "size": 3})


def test_texts_are_read_by_the_ranges_that_are_asked_for():
    assert parse(Builder(dependent), {"first": "12", "second": "11"}).values == {"first": 12, "second": 11}


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"second": "11"}, "second must be 5 to 10, got 11"),
        ({"first": "many"}, "first must be a whole number, got many"),
        ({"frist": "10"}, r"unknown hyperparameter frist: did you mean first\?"),
    ],
)
def test_texts_that_the_builder_does_not_take_are_refused(texts, message):
    with pytest.raises(InputError, match=message):
        parse(Builder(dependent), texts)


def test_the_first_point_has_the_defaults_where_they_are_possible():
    assert first_point(Builder(loop)).values == {"blocks": 1, "kernel_0": 3}


def test_the_first_point_is_drawn_where_the_defaults_are_impossible():
    def ask(hp):
        if not hp.Boolean("pool"):
            raise ImpossibleError("never", reason="never")

    assert first_point(Builder(ask)).values == {"pool": True}


def test_a_builder_whose_every_combination_is_impossible_is_refused_with_what_it_said_first():
    builds = []

    def ask(hp):
        builds.append(hp.Int("units", 1, 1000))
        raise ImpossibleError(f"no model of {builds[-1]}", reason="none")

    with pytest.raises(ImpossibleError, match=r"^no model of 1$"):
        first_point(Builder(ask))
    assert len(builds) == MOST_BUILDS


def test_a_builder_that_fails_at_its_defaults_is_refused_at_once():
    builds = []

    def ask(hp):
        builds.append(1)
        raise UserCodeError("my.py:build failed (KeyError)", reason="KeyError")

    with pytest.raises(UserCodeError, match="KeyError"):
        first_point(Builder(ask))
    assert len(builds) == 1


def test_a_fixed_range_takes_the_place_of_what_is_asked_for():
    builder = Builder(loop, blocks=Choices(values=(2,)))

    assert len(all_drawn(builder)) == 4
