"""The front of good and small models, what is taken from it, and what is not worth training."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.ranking.pareto import COSTS, FEWEST_TRIALS, costs_of, explain_no_gain, front, pick
from tuning.records import TrialStatus
from tuning.settings import Objective, TrainingSettings

points = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.none() | st.integers(0, 5), st.booleans()), max_size=12
)


def point(trial):
    return (trial.rank, *costs_of(trial, COSTS))


@pytest.fixture(scope="session")
def made(make_trial):
    """Trials of (validation loss, parameters, macs, failed)."""

    def make(drawn):
        return [
            make_trial(
                float(loss),
                trial_id=f"{index:04}",
                parameters=parameters,
                macs=macs,
                status=TrialStatus.FAILED if failed else TrialStatus.COMPLETED,
            )
            for index, (loss, parameters, macs, failed) in enumerate(drawn)
        ]

    return make


@given(data=points)
def test_no_trial_of_the_front_beats_another(data, made):
    for first, second in itertools.permutations(front(made(data), COSTS), 2):
        assert not all(one <= other for one, other in zip(point(first), point(second), strict=True))


@given(data=points)
def test_every_trial_is_matched_by_one_of_the_front(data, made):
    trials = made(data)
    kept = front(trials, COSTS)
    for trial in trials:
        assert not trial.has_result or any(
            all(one <= other for one, other in zip(point(best), point(trial), strict=True)) for best in kept
        )


@given(data=points, seed=st.integers(0, 1000))
def test_the_order_of_the_trials_does_not_change_the_front(data, seed, made):
    trials = made(data)
    shuffled = random.Random(seed).sample(trials, len(trials))
    assert list(map(point, front(shuffled, COSTS))) == list(map(point, front(trials, COSTS)))


@given(data=points)
def test_the_front_goes_from_small_to_large(data, made):
    sizes = [costs_of(trial, COSTS) for trial in front(made(data), COSTS)]
    assert sizes == sorted(sizes)


def test_of_equal_trials_the_earliest_is_kept(made):
    trials = made([(1, 5, 5, False), (1, 5, 5, False)])
    assert front(trials, ("params",)) == (trials[0],)


def test_without_costs_the_front_is_the_best_trial(made):
    trials = made([(2, 1, 1, False), (1, 9, 9, False)])
    assert front(trials, ()) == (trials[1],)


def test_a_cost_that_was_not_counted_is_the_highest(made):
    assert costs_of(made([(1, 5, None, False)])[0], ("macs", "params")) == (math.inf, 5.0)


def test_more_is_better_where_the_objective_says_so(make_trial, make_epoch):
    settings = TrainingSettings(epochs=1, objective=Objective(name="val_accuracy", maximize=True))
    small, large = (
        make_trial(settings=settings, epochs=(make_epoch(val_accuracy=accuracy),), parameters=parameters)
        for accuracy, parameters in ((0.9, 10), (0.8, 20))
    )
    assert front([small, large], ("params",)) == (small,)


LOSSES = [(0.10, 100, 1, False), (0.12, 50, 9, False), (0.15, 10, 1, False)]


@pytest.mark.parametrize(("standard_error", "taken"), [(0.0, 0), (0.03, 1), (0.06, 2)])
def test_the_smallest_within_a_standard_error_of_the_best_is_taken(made, standard_error, taken):
    trials = made(LOSSES)
    assert pick(trials, ("params",), standard_error=standard_error) is trials[taken]


def test_of_equally_small_ones_the_better_is_taken(made):
    trials = made([(0.2, 50, 1, False), (0.1, 50, 1, False), (0.1, 50, 1, False)])
    assert pick(trials, ("params",), standard_error=1.0) is trials[1]


def test_the_first_cost_decides_before_the_second(made):
    trials = made(LOSSES[:2])
    assert pick(trials, ("macs", "params"), standard_error=1.0) is trials[0]
    assert pick(trials, ("params", "macs"), standard_error=1.0) is trials[1]


def test_means_over_repeats_take_the_place_of_first_values(made):
    trials = made(LOSSES)
    assert pick(trials, ("params",), standard_error=0.01, means={"0000": 0.3, "0001": 0.2, "0002": 0.4}) is trials[1]


def test_nothing_is_taken_where_nothing_has_a_result(made):
    assert pick(made([(1, 1, 1, True)]), ("params",), standard_error=0.0) is None


@pytest.mark.parametrize("standard_error", [-0.1, math.nan, math.inf])
def test_a_standard_error_is_a_number_of_0_or_more(standard_error):
    with pytest.raises(ValueError, match=f"standard_error must be a number of 0 or more, got {standard_error}"):
        pick([], (), standard_error=standard_error)


@pytest.fixture
def region(make_trial):
    """Six large, bad trials around units=100, and `others` good ones around units=10 of 50 parameters."""

    def make(others=4):
        bad = [(0.5, {"units": 100 - index}, 500) for index in range(6)]
        good = [(0.1, {"units": 10 + index}, 50) for index in range(others)]
        return [
            make_trial(loss, trial_id=f"{index:04}", hyperparameters=hyperparameters, parameters=size)
            for index, (loss, hyperparameters, size) in enumerate(bad + good)
        ]

    return make


def test_a_large_relative_of_bad_trials_is_skipped(region):
    reason = explain_no_gain({"units": 99}, {"params": 400}, region())
    assert reason == "trial 0006 is no larger, and better than the 5 trials nearest to this one"


@pytest.mark.parametrize(
    ("hyperparameters", "costs"),
    [({"units": 11}, {"params": 400}), ({"units": 99}, {"params": 49}), ({"units": 99}, {"params": None})],
    ids=["a relative of the best", "smaller than all", "of unknown size"],
)
def test_what_may_be_on_the_front_is_not_skipped(region, hyperparameters, costs):
    assert explain_no_gain(hyperparameters, costs, region()) == ""


def test_a_trial_must_be_no_larger_in_every_cost(region):
    assert explain_no_gain({"units": 99}, {"params": 400, "macs": 10**9}, region()) == ""


def test_nothing_is_skipped_without_costs(region):
    assert explain_no_gain({"units": 99}, {}, region()) == ""


def test_nothing_is_skipped_before_enough_is_known(region):
    trials = region(others=3)
    assert len(trials) == FEWEST_TRIALS - 1
    assert explain_no_gain({"units": 99}, {"params": 400}, trials) == ""


@given(data=points, size=st.integers(0, 6))
def test_a_candidate_smaller_than_all_is_never_skipped(data, size, made):
    trials = [trial for trial in made(data * 4) if trial.parameters > size]
    assert explain_no_gain({"units": 1}, {"params": size}, trials) == ""
