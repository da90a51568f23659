"""What is told of a search when it is over, and when nothing is."""

from __future__ import annotations

import io
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.commands.insight import tell_insight, tell_rest
from scripts.terminal.console import Console
from tuning.loop.budget import Budget
from tuning.ranking.choice import result_of
from tuning.records import Epoch, SearchConfig, StopReason, TrialRecord, TrialStatus
from tuning.settings import TrainingSettings
from tuning.space.ranges import FloatRange

EPOCH = Epoch(loss=0.5, accuracy=0.8, val_loss=0.4, val_accuracy=0.875, learning_rate=0.01, seconds=2.0)


def trial(number: int, val_loss: float, **values: Any) -> TrialRecord:
    usual = TrialRecord(
        trial_id=f"{number:04d}",
        hyperparameters={"learning_rate": 0.01 + val_loss / 100, "units": 8 + number % 2},
        settings=TrainingSettings(epochs=1),
        seed=0,
        status=TrialStatus.COMPLETED,
        reason="",
        epochs=(replace(EPOCH, val_loss=val_loss),),
        result_epoch=0,
        parameters=1000,
        seconds=3.0,
    )
    return replace(usual, **values)


def repeat(number: int, val_loss: float) -> TrialRecord:
    return trial(number, val_loss, trial_id=f"{number:04d}.1", repeat_of=f"{number:04d}")


def told(trials: Any, repeated: Any = (), *, space: Any = (), left: int = 0, **asked: Any) -> str:
    config = SearchConfig(**asked)
    result = result_of(tuple(trials), tuple(repeated), config, stopped_by=StopReason.MAX_TRIALS)
    result = replace(result, repeats_left=left, ranges={"learning_rate": FloatRange(low=0.0, high=0.1)})
    console = Console(io.StringIO(), width=100)
    job: Any = SimpleNamespace(search=SimpleNamespace(config=config), options=SimpleNamespace(space=space))
    tell_insight(console, job, result)
    return console._file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_nothing_is_told_where_no_trial_has_a_result() -> None:
    assert told([trial(0, 0.1, status=TrialStatus.FAILED)]) == ""


@pytest.mark.parametrize(
    ("trials", "asked", "why"),
    [
        ([trial(0, 0.1)], {}, "there is nothing to compare"),
        ([trial(0, 0.1), trial(1, 0.2)], {"left": 4}, "there was no time to train the best again"),
        ([trial(0, 0.1), trial(1, 0.2)], {}, "no other came near the best"),
        ([trial(0, 0.1), trial(1, 0.2)], {"repeats": 0}, "--repeats 0"),
    ],
)
def test_a_choice_without_repeats_says_why(trials: Any, asked: Any, why: str) -> None:
    assert f"chosen by one training each: {why}\n" in told(trials, **asked)


@pytest.mark.parametrize(("again", "word", "amount"), [(0.3, "flattered", "0.2000"), (0.05, "understated", "0.0500")])
def test_how_far_the_first_ranking_was_off_is_told(again: float, word: str, amount: str) -> None:
    text = told([trial(0, 0.1), trial(1, 0.2)], [repeat(0, again), repeat(1, 0.2)])

    assert "chosen by 2 trainings with other seeds" in text
    assert f"the first val_loss of trial 0000 {word} it by {amount}" in text


def test_what_mattered_is_told_where_there_are_trials_enough() -> None:
    text = told([trial(number, 0.1 + number / 20) for number in range(20)])

    assert "what mattered" in text
    assert "learning_rate" in text.partition("what mattered")[2]


def test_a_name_of_the_space_file_that_nothing_asked_for_is_a_note() -> None:
    text = told([trial(0, 0.1)], space={"units": [8, 9], "warmup": 3})

    assert "note: --space has warmup, for which no configuration asked: is it spelled so?" in text
    assert "has units" not in text


def test_reasons_to_doubt_are_notes_with_brackets_as_they_are() -> None:
    failed = [trial(number, 0.1, status=TrialStatus.FAILED, reason="no room on [/GPU:0]") for number in (2, 3)]

    text = told([trial(0, 0.1), trial(1, 0.2), *failed])

    assert "note: 2 of 4 trials failed, all because of no room on [/GPU:0]: fix that" in text


@pytest.mark.parametrize(
    ("stopped_by", "left", "said"),
    [
        (StopReason.MAX_TRIALS, 60.0, "60 s of the time are left: all trials are done, and more epochs of retraining"),
        (StopReason.SPACE, 60.0, "60 s of the time are left: the space has no more to try, and more epochs of retrai"),
        (StopReason.BUDGET, 60.0, "60 s of the time are left: more epochs of retraining would hardly help"),
        (StopReason.BUDGET, 15.0, ""),
        (StopReason.MAX_TRIALS, -3.0, ""),
    ],
)
def test_a_command_that_ends_before_its_time_says_why(stopped_by: StopReason, left: float, said: str) -> None:
    clock = iter([0.0, *[100.0 - left] * 2])
    budget = Budget(100.0, clock=lambda: next(clock))
    console = Console(io.StringIO(), width=200)
    result = result_of((trial(0, 0.1),), (), SearchConfig(), stopped_by=stopped_by)

    tell_rest(console, budget, result)

    text = console._file.getvalue()  # type: ignore[attr-defined]
    assert text.startswith(said)
    assert bool(text) is bool(said)


def test_without_a_limit_no_time_is_left() -> None:
    console = Console(io.StringIO(), width=200)
    tell_rest(console, Budget(None), result_of((trial(0, 0.1),), (), SearchConfig(), stopped_by=StopReason.SPACE))
    assert console._file.getvalue() == ""  # type: ignore[attr-defined]
