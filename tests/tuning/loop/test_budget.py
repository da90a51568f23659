"""Durations as text, and how the time of a run is shared out. The clock is the tests' own."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.errors import InputError
from tuning.loop.budget import FINISHING_SECONDS, Budget, parse_duration


class Clock:
    """A clock that goes on when told to."""

    def __init__(self):
        self.now = 500.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def quick(make_trial, make_epoch):
    """A trial whose fastest epoch took two seconds; the first one, with the tracing, took nine."""
    return make_trial(epochs=(make_epoch(seconds=9.0), make_epoch(seconds=2.0)), result_epoch=1)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("1.5h", 5400), ("0.5s", 0.5), ("007m", 420), ("1h", 3600)]
)
def test_a_duration_is_a_number_and_a_unit(text, seconds):
    assert parse_duration(text) == seconds


@given(number=st.integers(1, 10**6), unit=st.sampled_from([("s", 1), ("m", 60), ("h", 3600)]))
def test_every_whole_number_of_every_unit_is_understood(number, unit):
    assert parse_duration(f"{number}{unit[0]}") == number * unit[1]


@given(text=st.text() | st.from_regex(r"[0-9.]{0,4}[smhd]?", fullmatch=True))
def test_any_text_is_a_time_above_0_or_refused(text):
    with contextlib.suppress(InputError):
        assert 0 < parse_duration(text) < math.inf


@pytest.mark.parametrize(
    "text", ["", "10", "s", "0s", "0.0h", "-5m", "1 m", "1M", "1e3s", "1m30s", ".5h", "5.s", "10m\n"]
)
def test_anything_else_is_refused(text):
    with pytest.raises(
        InputError, match=r"a duration must be a number above 0 with a unit, like 90s, 10m or 1.5h, got"
    ):
        parse_duration(text)


def test_time_runs_out_with_the_clock(clock):
    budget = Budget(100, clock=clock)
    clock.now += 130
    assert budget.remaining() == -30


def test_what_earlier_commands_spent_is_gone(clock):
    assert Budget(100, spent=40, clock=clock).remaining() == 60


def test_without_a_limit_nothing_ever_runs_out(clock, quick):
    budget = Budget(None, spent=1000, clock=clock)
    clock.now += 1e9
    assert budget.remaining() == math.inf
    assert budget.remaining_for_search(quick, examples_ratio=1.1, epochs=12) == math.inf
    assert budget.remaining_for_search(None, examples_ratio=1.1, epochs=12) == math.inf
    assert budget.longest_retraining(examples_ratio=1.1) == math.inf
    assert budget.retraining_epochs(quick, examples_ratio=1.1, epochs=12) == 12


def test_55_percent_is_kept_for_retraining_while_its_length_is_unknown(clock):
    assert Budget(1000, clock=clock).remaining_for_search(None, examples_ratio=1.1, epochs=12) == pytest.approx(450)


def test_only_what_retraining_needs_is_kept_once_its_length_is_known(clock, quick):
    left = Budget(1000, clock=clock).remaining_for_search(quick, examples_ratio=1.1, epochs=12)
    assert left == pytest.approx(1000 - 12 * 2.0 * 1.1 * 1.25 - FINISHING_SECONDS)


def test_a_long_retraining_gets_55_percent_and_no_more(clock, quick):
    left = Budget(100, clock=clock).remaining_for_search(quick, examples_ratio=1.1, epochs=60)
    assert left == pytest.approx(45)


def test_a_retraining_has_time_for_epochs_that_take_so_long_in_the_search(clock):
    longest = Budget(1000, speedup=2.0, clock=clock).longest_retraining(examples_ratio=1.1)
    assert longest == pytest.approx((550 - FINISHING_SECONDS) * 2 / (1.1 * 1.25))
    assert Budget(1000, retrains=False, clock=clock).longest_retraining(examples_ratio=1.0) == math.inf


@pytest.mark.parametrize(("seconds", "epochs"), [(1000, 12), (27.9, 10), (30.4, 10), (2.8, 1), (2, 1)])
def test_retraining_gets_the_epochs_that_still_fit_and_at_least_one(clock, quick, seconds, epochs):
    # An epoch takes 2 s × 1 × 1.25, and a tenth is left for finishing, 10 s at most.
    assert Budget(seconds, clock=clock).retraining_epochs(quick, examples_ratio=1.0, epochs=12) == epochs


def test_retraining_gets_an_epoch_even_after_the_end(clock, quick):
    budget = Budget(100, clock=clock)
    clock.now += 500
    assert budget.retraining_epochs(quick, examples_ratio=1.0, epochs=12) == 1


def test_an_epoch_that_shares_the_machine_with_no_other_training_is_faster(clock, quick):
    budget = Budget(1000, speedup=2.0, clock=clock)
    left = budget.remaining_for_search(quick, examples_ratio=1.1, epochs=12)
    assert left == pytest.approx(1000 - 12 * 2.0 * 1.1 * 1.25 / 2 - FINISHING_SECONDS)
    clock.now += 1000 - 35.1
    assert budget.retraining_epochs(quick, examples_ratio=1.0, epochs=60) == 20


def test_a_training_is_over_while_there_is_time_left_to_test_its_model(clock):
    budget = Budget(100, clock=clock)
    clock.now += 100 - FINISHING_SECONDS - 1
    assert not budget.is_over()
    clock.now += 2
    assert budget.is_over()
    assert not Budget(None, clock=clock).is_over()


def test_what_an_interrupted_training_took_is_taken_off(clock):
    budget = Budget(100, clock=clock)
    budget.spend(40.0)
    assert budget.remaining() == 60


@pytest.mark.parametrize(
    ("seconds", "after", "epochs"), [(9.0, 0.0, 10), (10.0, 0.0, 9), (10.0, 5.0, 8), (91.0, 0.0, 0)]
)
def test_epochs_have_time_up_to_what_is_kept_for_finishing(clock, seconds, after, epochs):
    assert Budget(100, clock=clock).epochs_left(seconds, after=after) == epochs


def test_no_epoch_has_time_after_the_end(clock):
    budget = Budget(100, clock=clock)
    clock.now += 500
    assert budget.epochs_left(1.0, after=0.0) == 0
