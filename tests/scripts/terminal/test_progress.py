"""What a person sees: every line says what it should, whatever the texts in it hold."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from scripts.terminal.console import Console
from scripts.terminal.progress import SearchProgress, TrainingProgress, count_of, describe
from tuning.loop.journal import AttemptLost, Suggestion
from tuning.records import Epoch, SearchConfig, TrialRecord, TrialStatus
from tuning.settings import Objective, TrainingSettings

EPOCH = Epoch(loss=0.5, accuracy=0.8, val_loss=0.4, val_accuracy=0.875, learning_rate=0.01, seconds=2.0)
TRIAL = TrialRecord(
    trial_id="0000",
    hyperparameters={"learning_rate": 0.00123456, "pooling": "max"},
    settings=TrainingSettings(epochs=1),
    seed=0,
    status=TrialStatus.COMPLETED,
    reason="",
    epochs=(EPOCH,),
    result_epoch=0,
    parameters=10,
    seconds=3.0,
)


@pytest.fixture(params=[False, True], ids=["file", "terminal"])
def console(request: pytest.FixtureRequest) -> Console:
    return Console(io.StringIO(), is_terminal=request.param, width=200)


def told(console: Console) -> str:
    assert isinstance(console._file, io.StringIO)
    return console._file.getvalue()


def follow(console: Console, *trials: TrialRecord) -> str:
    with progress_of(console) as progress:
        for trial in trials:
            progress.trial_started(suggested(trial))
            progress.epoch_finished(trial.trial_id, EPOCH)
            progress.trial_finished(trial, TRIAL)
    return told(console)


def progress_of(console: Console, *, workers: int = 2, done: Iterable[str] = ()) -> SearchProgress:
    config = SearchConfig(max_trials=4, epochs=1)
    return SearchProgress(console, config, workers=workers, search_seconds_left=lambda: math.inf, done=done)


def suggested(trial: TrialRecord) -> Suggestion:
    return Suggestion(
        trial_id=trial.trial_id,
        oracle_id=None,
        hyperparameters=trial.hyperparameters,
        ranges={},
        epochs=1,
        repeat_of=trial.repeat_of,
    )


def bar(progress: SearchProgress) -> Any:
    """The task of the bar, also where nothing is drawn."""
    [task] = progress._bar.tasks
    return task


def test_a_finished_trial_tells_its_result_and_its_configuration(console: Console) -> None:
    text = follow(console, TRIAL)

    assert "val_loss 0.4000  val_accuracy 87.50%    3.0 s" in text
    assert "best so far" in text
    assert "learning_rate=0.00123 pooling=max" in text


def test_a_trial_that_is_not_the_best_does_not_say_so(console: Console) -> None:
    lines = follow(console, replace(TRIAL, trial_id="0001")).splitlines()

    assert not [line for line in lines if line.startswith("trial 0001") and "best so far" in line]


@pytest.mark.parametrize("status", [TrialStatus.FAILED, TrialStatus.STOPPED])
def test_a_reason_with_brackets_is_told_as_it_is(console: Console, status: TrialStatus) -> None:
    reason = "no memory on [/job:localhost/device:GPU:0] for shape[64,128]"

    text = follow(console, replace(TRIAL, status=status, reason=reason))

    assert reason in text


def test_a_bar_shows_every_trial_under_way_with_its_latest_result(console: Console) -> None:
    first, second = replace(TRIAL, trial_id="0002"), replace(TRIAL, trial_id="0003")

    with progress_of(console, done=["0000", "0001"]) as progress:
        progress.trial_started(suggested(first))
        progress.trial_started(suggested(second))
        progress.epoch_finished("0003", EPOCH)
        assert (bar(progress).description, bar(progress).completed) == ("trial 0002, 0003 87.5%", 2)
        progress.trial_finished(second, second)
        assert (bar(progress).description, bar(progress).completed) == ("trial 0002", 3)
        assert bar(progress).fields["best"] == "best 87.50% (trial 0003)"
        progress.trial_finished(first, second)
        assert (bar(progress).description, bar(progress).completed) == ("search", 4)


def test_a_trial_without_accuracy_is_under_way_by_its_name_alone(console: Console) -> None:
    with progress_of(console) as progress:
        progress.trial_started(suggested(TRIAL))
        progress.epoch_finished("0000", replace(EPOCH, val_accuracy=None))
        assert bar(progress).description == "trial 0000"


def test_a_promoted_trial_and_a_skipped_one_do_not_advance_the_bar(console: Console) -> None:
    paused = replace(TRIAL, status=TrialStatus.PAUSED, settings=TrainingSettings(epochs=9))
    skipped = replace(TRIAL, trial_id="0001", status=TrialStatus.SKIPPED, reason="it is too large", epochs=())

    with progress_of(console) as progress:
        for trial in (paused, skipped, replace(TRIAL, trial_id="0002"), TRIAL):
            progress.trial_started(suggested(trial))
            progress.trial_finished(trial, TRIAL)
        assert bar(progress).completed == 2
    text = told(console)
    assert "(after 1 of 9 epochs)" in text
    assert "trial 0001  skipped: it is too large" in text


def test_the_end_is_told_from_what_the_finished_trials_took(console: Console) -> None:
    with progress_of(console) as progress:
        progress.trial_started(suggested(TRIAL))
        assert bar(progress).fields["end"] == ""
        progress.trial_finished(TRIAL, TRIAL)
        assert bar(progress).fields["end"].startswith("search ends about ")


@pytest.mark.parametrize(("tried_again", "then"), [(True, "it is tried once more"), (False, "it is given up")])
def test_a_lost_attempt_is_told_and_no_longer_under_way(console: Console, tried_again: bool, then: str) -> None:
    lost = AttemptLost(trial_id="0000", reason="killed by [signal 9]", seconds=1.0)

    with progress_of(console) as progress:
        progress.trial_started(suggested(TRIAL))
        progress.attempt_lost(lost, tried_again=tried_again)
        assert progress._under_way == {}
    # Colours stand between the words of a terminal.
    assert f"killed by [signal 9]; {then}" in told(console)


def test_a_bar_shows_names_as_text() -> None:
    console = Console(io.StringIO(), is_terminal=True, width=200)
    name = "[red]\x1b]0;f"
    settings = TrainingSettings(epochs=1, objective=Objective(name=name, maximize=True))
    named = replace(TRIAL, settings=settings, epochs=(replace(EPOCH, metrics={name: 0.5}),))

    with progress_of(console) as progress:
        progress.trial_finished(named, named)

    assert r"best [red]\x1b]0;f 0.5 (trial 0000)" in told(console)
    assert name not in told(console)


def test_repeats_are_announced_once_and_are_never_the_best_so_far(console: Console) -> None:
    repeats = [replace(TRIAL, trial_id=f"000{index}.1", repeat_of=f"000{index}") for index in range(3)]

    text = follow(console, TRIAL, *repeats)

    assert text.count("the best are trained again, with other seeds:") == 1
    assert text.count("best so far") == 1
    assert "trial 0002.1  val_loss 0.4000" in text
    assert text.count("learning_rate=0.00123") == 1


def test_the_epochs_of_a_long_training_take_twelve_lines_at_most(console: Console) -> None:
    with TrainingProgress(console, TrainingSettings(epochs=50), title="training") as progress:
        for _ in range(50):
            progress.epoch_finished(EPOCH)

    lines = [line for line in told(console).splitlines() if "accuracy 80.00%" in line]
    assert len(lines) <= 12
    assert "50/50" in lines[-1]


def test_a_training_that_goes_on_counts_from_there(console: Console) -> None:
    with TrainingProgress(console, TrainingSettings(epochs=5), title="training", done=3) as progress:
        progress.epoch_finished(EPOCH)

    assert "  4/5" in told(console)


def test_one_is_no_plural() -> None:
    assert [count_of(number, "trial") for number in (0, 1, 2)] == ["0 trials", "1 trial", "2 trials"]


def test_a_tiny_loss_is_not_zero(console: Console) -> None:
    tiny = replace(TRIAL, epochs=(replace(EPOCH, val_loss=0.0000123),))

    assert "val_loss 1.2e-05" in follow(console, tiny)


def test_numbers_of_a_configuration_are_short() -> None:
    assert describe({"learning_rate": 1 / 3, "padding": "same", "units": 128}) == (
        "learning_rate=0.333 padding=same units=128"
    )
