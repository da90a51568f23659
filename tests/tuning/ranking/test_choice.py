"""Who gets into the final of a search, and who wins it, with costs and without."""

from __future__ import annotations

import math

import pytest

from tuning.ranking.choice import finalists_of, result_of
from tuning.records import SearchConfig, StopReason, TrialStatus


@pytest.fixture(scope="session")
def made(make_trial):
    """Trials of (validation loss, parameters), and one repeat of each with the value given for it."""

    def make(trials, repeats=()):
        named = [make_trial(loss, trial_id=f"{i:04d}", parameters=size) for i, (loss, size) in enumerate(trials)]
        return tuple(named), tuple(make_trial(loss, trial_id=f"{i:04d}.1", repeat_of=f"{i:04d}") for i, loss in repeats)

    return make


def won(trials, repeats, **asked):
    return result_of(trials, repeats, SearchConfig(**asked), stopped_by=StopReason.BUDGET).winner.trial_id


def test_the_best_trials_are_the_finalists(made):
    trials, _ = made([(0.4, 1), (0.2, 1), (0.3, 1)])
    assert [trial.trial_id for trial in finalists_of(trials, SearchConfig(finalists=2))] == ["0001", "0002"]


def test_who_was_repeated_stays_a_finalist_whatever_is_expected_of_others_since(made):
    trials, repeats = made([(0.4, 1), (0.2, 1), (0.3, 1)], [(0, 0.1), (1, 0.25)])
    asked = SearchConfig(finalists=1)
    found = finalists_of(trials, asked, repeated=["0000"])
    assert [trial.trial_id for trial in found] == ["0001", "0000"]
    assert won(trials, repeats, finalists=1) == "0000"


def test_where_costs_count_a_trial_that_another_beats_in_everything_is_no_finalist(made):
    trials, _ = made([(0.1, 500), (0.2, 600), (0.3, 100)])
    asked = SearchConfig(finalists=2, costs=("params",))
    assert [trial.trial_id for trial in finalists_of(trials, asked)] == ["0000", "0002"]


def test_the_result_keeps_everything_and_the_mean_over_the_repeats_wins(made):
    trials, repeats = made([(0.1, 1), (0.2, 1)], [(0, 0.5), (1, 0.3)])
    result = result_of(trials, repeats, SearchConfig(), stopped_by=StopReason.SPACE)
    assert (result.trials, result.repeats, result.stopped_by) == (trials, repeats, "space")
    assert result.winner is trials[1]


def test_the_smallest_within_a_standard_error_of_the_best_wins(made):
    # Each fell back by another amount: the noise is about 0.02, so is the error of a single repeat.
    firsts, seconds = [(0.10, 900), (0.11, 100), (0.50, 10)], [(0, 0.20), (1, 0.205), (2, 0.57)]
    assert won(*made(firsts, seconds)) == "0001"
    assert won(*made(firsts, seconds), costs=("params",)) == "0001"
    assert won(*made(firsts, [(0, 0.20), (1, 0.24), (2, 0.57)])) == "0000"


def test_the_smallest_is_taken_among_the_repeated_ones_alone(made):
    trials, repeats = made([(0.10, 900), (0.20, 100)], [(0, 0.15)])
    assert won(trials, repeats, costs=("params",)) == "0000"


def test_without_repeats_the_best_wins_also_where_costs_count(made):
    trials, _ = made([(0.10, 900), (0.11, 100)])
    assert won(trials, (), costs=("params",)) == "0000"


def test_nobody_wins_where_no_trial_has_a_result(make_trial):
    trials = (make_trial(math.nan), make_trial(trial_id="0001", status=TrialStatus.FAILED))
    result = result_of(trials, (), SearchConfig(), stopped_by=StopReason.MAX_TRIALS)
    assert (result.winner, result.selection, result.trials) == (None, None, trials)
