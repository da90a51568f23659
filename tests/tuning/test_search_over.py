"""Whether a search is over: it stays so until a command allows more of what ended it."""

from __future__ import annotations

import dataclasses

import pytest

from tuning.lifecycle.steps import ended_search, is_search_over
from tuning.ranking.choice import result_of
from tuning.records import Epoch, SearchConfig, StopReason, TrialRecord, TrialStatus
from tuning.runs.run_record import SearchSection
from tuning.settings import TrainingSettings

ASKED = SearchSection(algorithm="random", max_trials=5, epochs=2, finalists=3, repeats=2, budget="10m", seed=0)


def trial(trial_id, *, repeat_of=None):
    epoch = Epoch(loss=0.1, accuracy=0.9, val_loss=0.1, val_accuracy=0.9, learning_rate=0.01, seconds=1.0)
    return TrialRecord(
        trial_id=trial_id,
        hyperparameters={},
        settings=TrainingSettings(epochs=1),
        seed=1,
        status=TrialStatus.COMPLETED,
        reason="",
        epochs=(epoch,),
        result_epoch=0,
        parameters=10,
        seconds=1.0,
        repeat_of=repeat_of,
    )


def ended(stopped_by, *, repeats=6):
    """The same of a search of three trials that ended so, with that many repeats."""
    names = ("0000", "0001", "0002")
    again = [trial(f"{name}.{number}", repeat_of=name) for number in (1, 2) for name in names][:repeats]
    result = result_of(tuple(map(trial, names)), tuple(again), SearchConfig(), stopped_by=StopReason(stopped_by))
    result = dataclasses.replace(result, repeats_left=6 - repeats)
    return dataclasses.replace(ASKED, searched=ended_search(ASKED, result))


@pytest.mark.parametrize(
    ("stopped_by", "changes", "is_over"),
    [
        ("max_trials", {}, True),
        ("max_trials", {"max_trials": 6}, False),
        ("max_trials", {"budget": "20m"}, True),
        ("budget", {"budget": "20m"}, False),
        ("budget", {"budget": "none"}, False),
        ("budget", {"max_trials": 6}, True),
        ("budget", {"budget": "5m"}, True),
        ("space", {"max_trials": 6, "budget": "none"}, True),
    ],
)
def test_a_search_goes_on_with_more_of_what_ended_it(stopped_by, changes, is_over):
    assert is_search_over(dataclasses.replace(ended(stopped_by), **changes)) == is_over


@pytest.mark.parametrize(("budget", "is_over"), [("10m", True), ("20m", False)])
def test_repeats_that_the_time_cut_short_are_made_up_with_more_of_it(budget, is_over):
    assert is_search_over(dataclasses.replace(ended("max_trials", repeats=4), budget=budget)) == is_over


def test_a_search_that_never_ended_is_not_over():
    assert not is_search_over(ASKED)
