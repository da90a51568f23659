"""Ranges: what they hold, what they refuse, and what Keras Tuner is told of them."""

from __future__ import annotations

import math

import keras_tuner as kt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.errors import InputError
from tuning.names import require_known
from tuning.space import Choices, FloatRange, IntRange

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
