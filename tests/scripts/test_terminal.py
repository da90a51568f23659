"""What a person sees: every line says what it should, whatever the texts in it hold."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import pytest
from rich.console import Console

from scripts.parts.terminal import SearchProgress, TrainingProgress, counted, describe
from tuning.journal import Suggestion
from tuning.records import Epoch, SearchConfig, Status, TrialRecord
from tuning.settings import TrainingSettings

EPOCH = Epoch(loss=0.5, accuracy=0.8, val_loss=0.4, val_accuracy=0.875, learning_rate=0.01, seconds=2.0)
TRIAL = TrialRecord(
    trial_id="0000",
    hyperparameters={"learning_rate": 0.00123456, "pooling": "max"},
    settings=TrainingSettings(epochs=1),
    seed=0,
    status=Status.COMPLETED,
    reason="",
    epochs=(EPOCH,),
    result_epoch=0,
    parameters=10,
    seconds=3.0,
)


@pytest.fixture(params=[False, True], ids=["file", "terminal"])
def console(request: pytest.FixtureRequest) -> Console:
    return Console(file=io.StringIO(), force_terminal=request.param, width=200, highlight=False, soft_wrap=True)


def told(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def follow(console: Console, *trials: TrialRecord) -> str:
    config = SearchConfig(algorithm="random", max_trials=4, epochs=1, seed=0)
    with SearchProgress(console, config, search_seconds_left=lambda: math.inf) as progress:
        for trial in trials:
            progress.trial_started(
                Suggestion(trial_id=trial.trial_id, oracle_id="", hyperparameters=trial.hyperparameters, epochs=1)
            )
            progress.epoch_finished(trial.trial_id, EPOCH)
            progress.trial_finished(trial, TRIAL)
    return told(console)


def test_a_finished_trial_tells_its_result_and_its_configuration(console: Console) -> None:
    text = follow(console, TRIAL)

    assert "val_loss 0.4000  val_accuracy 87.50%    3.0 s" in text
    assert "best so far" in text
    assert "learning_rate=0.00123 pooling=max" in text


def test_a_trial_that_is_not_the_best_does_not_say_so(console: Console) -> None:
    lines = follow(console, replace(TRIAL, trial_id="0001")).splitlines()

    assert not [line for line in lines if line.startswith("trial 0001") and "best so far" in line]


@pytest.mark.parametrize("status", [Status.FAILED, Status.STOPPED])
def test_a_reason_with_brackets_is_told_as_it_is(console: Console, status: Status) -> None:
    reason = "no memory on [/job:localhost/device:GPU:0] for shape[64,128]"

    text = follow(console, replace(TRIAL, status=status, reason=reason))

    assert reason in text


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
    assert [counted(number, "trial") for number in (0, 1, 2)] == ["0 trials", "1 trial", "2 trials"]


def test_a_tiny_loss_is_not_zero(console: Console) -> None:
    tiny = replace(TRIAL, epochs=(replace(EPOCH, val_loss=0.0000123),))

    assert "val_loss 1.2e-05" in follow(console, tiny)


def test_numbers_of_a_configuration_are_short() -> None:
    assert describe({"learning_rate": 1 / 3, "padding": "same", "units": 128}) == (
        "learning_rate=0.333 padding=same units=128"
    )
