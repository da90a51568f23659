"""Points of a space: drawn, listed and told apart."""

from __future__ import annotations

import itertools
from contextlib import ExitStack

import keras_tuner as kt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.sampling import REAL_VALUES, Sampling

SAMPLINGS = ("linear", "log", "reverse_log")


def dimension_of(declare):
    hp = kt.HyperParameters()
    declare(hp)
    return Sampling(hp).dimensions[0]


@st.composite
def entries(draw, *, real):
    """One call that declares a hyperparameter of a given name."""
    kinds = ["choice", "boolean", "fixed", "int", "log int", "steps", "float steps"] + (["float"] if real else [])
    kind = draw(st.sampled_from(kinds))
    low = draw(st.integers(1, 5))
    high = low + draw(st.integers(0, 9))
    step, sampling = draw(st.integers(2, 3)), draw(st.sampled_from(SAMPLINGS))
    values = draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4))
    return {
        "choice": lambda hp, name: hp.Choice(name, values),
        "boolean": lambda hp, name: hp.Boolean(name),
        "fixed": lambda hp, name: hp.Fixed(name, low),
        "int": lambda hp, name: hp.Int(name, low, high),
        "log int": lambda hp, name: hp.Int(name, low, high, sampling="log"),
        "steps": lambda hp, name: hp.Int(name, low, high, step=step, sampling=sampling),
        "float steps": lambda hp, name: hp.Float(name, low, high, step=step, sampling=sampling),
        "float": lambda hp, name: hp.Float(name, low, high, sampling=sampling),
    }[kind]


CONDITIONS = ([], [("root", ["x"])], [("root", ["x", "y"])], [("switch", [True])], [("root", ["z"]), ("inner", [True])])


@st.composite
def spaces(draw, *, real=True):
    """Conditional spaces of up to seven entries; names can occur under several conditions."""
    hp = kt.HyperParameters()
    hp.Choice("root", ["x", "y", "z"])
    hp.Boolean("switch")
    hp.Boolean("inner", parent_name="root", parent_values=["z"])
    for _ in range(draw(st.integers(0, 4))):
        declare, name = draw(entries(real=real)), draw(st.sampled_from(["p", "q"]))
        with ExitStack() as scopes:
            for parent, values in draw(st.sampled_from(CONDITIONS)):
                scopes.enter_context(hp.conditional_scope(parent, values))
            declare(hp, name)
    return hp


@given(spaces(), st.integers(0, 2**31))
def test_every_drawn_point_lies_in_the_space(space, seed):
    sampling = Sampling(space)

    point = sampling.draw(seed)

    assert sampling.contains(point)
    assert sampling.draw(seed) == point


@given(spaces())
def test_no_point_is_listed_twice_and_all_lie_in_the_space(space):
    sampling = Sampling(space)

    points = list(itertools.islice(sampling.points(), 500))

    assert all(sampling.contains(point) for point in points)
    assert len({sampling.key(point) for point in points}) == len(points)


@given(spaces(real=False), st.integers(0, 2**31))
def test_every_drawn_point_of_a_finite_space_is_listed(space, seed):
    sampling = Sampling(space)

    assert sampling.is_finite
    assert sampling.draw(seed) in sampling.points()


@given(spaces(), st.integers(0, 2**31))
def test_a_value_is_found_again_where_it_lies_on_its_scale(space, seed):
    for dimension, value in Sampling(space).active(Sampling(space).draw(seed)):
        fraction = dimension.fraction(value) if len(dimension.listed()) > 1 else 0.5
        assert 0 <= fraction <= 1
        assert dimension.at(fraction) == pytest.approx(value)


def test_an_inactive_value_does_not_make_another_configuration():
    hp = kt.HyperParameters()
    hp.Boolean("pool")
    with hp.conditional_scope("pool", [True]):
        hp.Int("size", 2, 3)
    key = Sampling(hp).key

    assert key({"pool": False, "size": 2}) == key({"pool": False})
    assert key({"pool": True, "size": 2}) != key({"pool": True, "size": 3})


def test_what_a_configuration_leaves_out_is_its_default():
    hp = kt.HyperParameters()
    hp.Int("size", 2, 9, default=5)

    assert Sampling(hp).key({}) == Sampling(hp).key({"size": 5})


def test_a_name_under_two_conditions_takes_the_range_of_the_one_that_holds():
    hp = kt.HyperParameters()
    hp.Choice("kind", ["dense", "convolution"])
    with hp.conditional_scope("kind", ["dense"]):
        hp.Choice("units", [64, 128])
    with hp.conditional_scope("kind", ["convolution"]):
        hp.Choice("units", [4, 8])

    points = [tuple(point.values()) for point in Sampling(hp).points()]

    assert points == [("dense", 64), ("dense", 128), ("convolution", 4), ("convolution", 8)]


def test_a_point_has_all_active_hyperparameters_and_no_others():
    hp = kt.HyperParameters()
    hp.Boolean("pool")
    with hp.conditional_scope("pool", [True]):
        hp.Int("size", 2, 3)
    contains = Sampling(hp).contains

    assert contains({"pool": True, "size": 3})
    assert not contains({"pool": True})
    assert not contains({"pool": False, "size": 3})
    assert not contains({"pool": True, "size": 4})
    assert not contains({"pool": 1, "size": 3})


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_both_ends_of_a_range_are_reached_and_never_passed(sampling):
    whole = dimension_of(lambda hp: hp.Int("size", 32, 512, sampling=sampling))
    real = dimension_of(lambda hp: hp.Float("rate", 1e-4, 0.1, sampling=sampling))

    assert [whole.at(0.0), whole.at(1.0)] == [32, 512]
    assert [real.at(0.0), real.at(1.0)] == pytest.approx([1e-4, 0.1])
    assert (real.listed()[0], real.listed()[-1], len(real.listed())) == (1e-4, 0.1, REAL_VALUES)


def test_steps_of_a_tenth_reach_one():
    """Keras Tuner's reach 0.9: one divided by a tenth is a little less than ten."""
    values = dimension_of(lambda hp: hp.Float("momentum", 0.0, 1.0, step=0.1)).values

    assert values == pytest.approx([number / 10 for number in range(11)])


@pytest.mark.parametrize(("sampling", "values"), [("log", [2, 4, 8, 16, 32]), ("reverse_log", [2, 18, 26, 30, 32])])
def test_steps_on_a_logarithmic_scale_are_factors(sampling, values):
    assert list(dimension_of(lambda hp: hp.Int("size", 2, 32, step=2, sampling=sampling)).values) == values


def test_small_numbers_are_drawn_as_often_as_large_ones_on_a_logarithmic_scale():
    hp = kt.HyperParameters()
    hp.Float("rate", 1e-4, 1e-2, sampling="log")
    drawn = [Sampling(hp).draw(seed)["rate"] for seed in range(400)]

    assert 160 < sum(rate < 1e-3 for rate in drawn) < 240
