"""Ranges: what they hold, what they refuse, and what Keras Tuner is told of them."""

from __future__ import annotations

import json
import math

import keras_tuner as kt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from range_strategies import SAMPLINGS, from_keras_tuner, ranges

from tuning.errors import InputError
from tuning.names import require_known
from tuning.space.ranges import (
    REAL_VALUES,
    Choices,
    FloatRange,
    IntRange,
    is_finite,
    is_fixed,
    range_as_json,
    range_from_json,
)

RANGES = [
    Choices(values=(1, 2, 3)),
    Choices(values=("a", "b")),
    Choices(values=(0.1, 0.2)),
    Choices(values=("only",)),
    IntRange(low=8, high=64, step=4),
    IntRange(low=8, high=65, step=4),
    IntRange(low=8, high=8),
    FloatRange(low=0.0, high=0.5),
    FloatRange(low=3e-4, high=2e-2, log=True),
]


def declared(domain, default):
    hp = kt.HyperParameters()
    value = domain.declare(hp, "x", default)
    return value, hp.space[0]


@pytest.mark.parametrize("domain", RANGES, ids=str)
def test_keras_tuner_samples_only_values_that_the_range_holds(domain):
    _, parameter = declared(domain, None)
    samples = [parameter.random_sample(seed) for seed in range(200)]
    assert all(domain.contains(sample) for sample in samples)


@pytest.mark.parametrize("domain", RANGES, ids=str)
def test_a_default_outside_the_range_is_replaced_by_one_inside(domain):
    value, parameter = declared(domain, "nowhere")
    assert domain.contains(value)
    assert value == parameter.default


@pytest.mark.parametrize(
    ("domain", "default"),
    [(Choices(values=(1, 2, 3)), 2), (IntRange(low=8, high=64, step=4), 16), (FloatRange(low=0.0, high=0.5), 0.25)],
    ids=str,
)
def test_a_default_inside_the_range_is_kept(domain, default):
    assert declared(domain, default)[0] == default


def test_a_single_choice_is_fixed_and_not_searched():
    _, parameter = declared(Choices(values=(5,)), 7)
    assert isinstance(parameter, kt.engine.hyperparameters.Fixed)


@given(value=st.integers(-100, 100))
def test_a_whole_number_range_holds_its_steps_and_nothing_between(value):
    assert IntRange(low=8, high=64, step=4).contains(value) == (value in range(8, 65, 4))


@given(value=st.floats())
def test_a_real_range_holds_what_lies_between_its_ends(value):
    assert FloatRange(low=0.25, high=0.5).contains(value) == (0.25 <= value <= 0.5)


@pytest.mark.parametrize(
    ("domain", "value"),
    [
        (FloatRange(low=0.0, high=0.5), math.nan),
        (FloatRange(low=0.0, high=0.5), 0),
        (FloatRange(low=0.0, high=0.5), "0.1"),
        (IntRange(low=0, high=5), True),
        (IntRange(low=0, high=5), 1.0),
        (Choices(values=(1, 2)), True),
        (Choices(values=(1, 2)), 1.0),
        (Choices(values=("1",)), 1),
    ],
    ids=str,
)
def test_a_value_of_another_kind_is_not_in_the_range(domain, value):
    assert not domain.contains(value)


@pytest.mark.parametrize(
    ("domain", "text"),
    [
        (Choices(values=(1, 2)), "one of 1, 2"),
        (IntRange(low=8, high=64, step=4), "8 to 64 in steps of 4"),
        (FloatRange(low=0.0, high=0.5), "0 to 0.5"),
        (FloatRange(low=3e-4, high=2e-2, log=True), "0.0003 to 0.02 (log scale)"),
    ],
    ids=str,
)
def test_a_range_tells_itself_in_words(domain, text):
    assert str(domain) == text


def test_choices_need_a_value():
    with pytest.raises(ValueError, match="Choices must hold at least one value, got none"):
        Choices(values=())


@pytest.mark.parametrize("values", [{"low": 2, "high": 1}, {"low": 1, "high": 2, "step": 0}], ids=str)
def test_a_whole_number_range_refuses_ends_or_steps_that_hold_nothing(values):
    with pytest.raises(ValueError, match=r"a range needs low <= high, step >= 1, and low >= 1 on a log scale, got "):
        IntRange(**values)


@pytest.mark.parametrize(
    "values",
    [
        {"low": 1.0, "high": 1.0},
        {"low": 2.0, "high": 1.0},
        {"low": math.nan, "high": 1.0},
        {"low": 0.0, "high": 1.0, "log": True},
    ],
    ids=str,
)
def test_a_real_range_refuses_ends_that_hold_nothing(values):
    with pytest.raises(ValueError, match="a range needs low < high, and low > 0 on a log scale, got"):
        FloatRange(**values)


def test_a_name_like_no_other_is_told_all_that_are_known():
    with pytest.raises(InputError, match="unknown hyperparameter zzz: known are dropout, pooling"):
        require_known("zzz", dict.fromkeys(["dropout", "pooling"], Choices(values=(1,))))


@given(ranges(), st.floats(0, 1))
def test_a_value_lies_in_its_range_and_is_found_again_where_it_lies(domain, fraction):
    value = domain.at(fraction)

    assert domain.contains(value)
    assert is_fixed(domain) or domain.at(domain.fraction(value)) == pytest.approx(value)


@given(ranges())
def test_every_listed_value_lies_in_the_range_and_is_listed_once(domain):
    listed = list(domain.list_values())

    assert all(domain.contains(value) for value in listed)
    assert len(set(listed)) == len(listed)


@given(ranges(), st.floats(0, 1))
def test_every_value_of_a_finite_range_is_listed(domain, fraction):
    assert not is_finite(domain) or domain.at(fraction) in domain.list_values()


@given(ranges())
def test_a_range_is_the_same_after_json(domain):
    assert range_from_json(json.loads(json.dumps(range_as_json(domain)))) == domain


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_both_ends_of_a_range_are_reached_and_never_passed(sampling):
    whole = from_keras_tuner(lambda hp: hp.Int("size", 32, 512, sampling=sampling))
    real = from_keras_tuner(lambda hp: hp.Float("rate", 1e-4, 0.1, sampling=sampling))

    assert [whole.at(0.0), whole.at(1.0)] == [32, 512]
    assert [real.at(0.0), real.at(1.0)] == pytest.approx([1e-4, 0.1])
    assert (real.list_values()[0], real.list_values()[-1], len(real.list_values())) == (1e-4, 0.1, REAL_VALUES)


def test_steps_of_a_tenth_reach_one_and_hold_three_tenths():
    """Keras Tuner's reach 0.9: one divided by a tenth is a little less than ten."""
    tenths = FloatRange(low=0.0, high=1.0, step=0.1)

    assert list(tenths.list_values()) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert tenths.contains(0.3)
    assert not tenths.contains(0.35)


@pytest.mark.parametrize(("sampling", "values"), [("log", [2, 4, 8, 16, 32]), ("reverse_log", [2, 18, 26, 30, 32])])
def test_steps_on_a_logarithmic_scale_are_factors(sampling, values):
    assert list(from_keras_tuner(lambda hp: hp.Int("size", 2, 32, step=2, sampling=sampling)).list_values()) == values


def test_small_numbers_are_drawn_as_often_as_large_ones_on_a_logarithmic_scale():
    rates = FloatRange(low=1e-4, high=1e-2, log=True)

    assert 190 < sum(rates.at(number / 400) < 1e-3 for number in range(400)) < 210


def test_a_number_between_two_steps_lies_where_the_nearest_one_does():
    assert IntRange(low=8, high=64, step=16).fraction(20) == IntRange(low=8, high=64, step=16).fraction(24)
    assert FloatRange(low=0.0, high=1.0, step=0.5).fraction(0.6) == 0.5


@pytest.mark.parametrize("values", [{"step": 0.0}, {"step": -0.1}, {"low": 0.1, "log": True, "step": 1.0}], ids=str)
def test_a_real_range_refuses_steps_that_lead_nowhere(values):
    with pytest.raises(ValueError, match="a step must be above 0, and above 1 on a log scale, got"):
        FloatRange(**{"low": 0.0, "high": 1.0, **values})
