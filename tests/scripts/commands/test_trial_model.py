"""Which trial of a run can be exported, and from where."""

from __future__ import annotations

import io
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from run_records import WINNER, run_record

from scripts.commands.trial_model import folder_of_trial
from scripts.terminal.console import Console
from tuning.errors import InputError
from tuning.loop.journal import Journal
from tuning.records import Epoch, TrialRecord, TrialStatus
from tuning.runs.run_folder import RunFolder
from tuning.settings import TrainingSettings

TRIAL = TrialRecord(
    trial_id="0000",
    hyperparameters={"units": 8},
    settings=TrainingSettings(epochs=1),
    seed=0,
    status=TrialStatus.COMPLETED,
    reason="",
    epochs=(Epoch(loss=0.5, accuracy=0.8, val_loss=0.4, val_accuracy=0.9, learning_rate=0.01, seconds=2.0),),
    result_epoch=0,
    parameters=10,
    seconds=3.0,
)
RECORD = run_record(winner=WINNER)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run of a trial that won, one that did not, one that failed, and a repeat of the winner."""
    folder = RunFolder(path=tmp_path / "one")
    folder.path.mkdir()
    journal = Journal(folder.journal)
    for trial in (
        TRIAL,
        replace(TRIAL, trial_id="0001"),
        replace(TRIAL, trial_id="0002", status=TrialStatus.FAILED, reason="it ran out of memory"),
        replace(TRIAL, trial_id="0000.1", repeat_of="0000"),
    ):
        journal.append(trial)
    return folder


def asked(run: RunFolder, trial_id: str, dataset: Any = None) -> RunFolder:
    console = Console(io.StringIO())
    return folder_of_trial(Namespace(trial=trial_id), run, RECORD, dataset, console)


def test_the_winner_s_model_is_the_run_s_own(run: RunFolder) -> None:
    assert asked(run, "0000") == run


def test_a_trial_that_was_trained_already_is_not_trained_again(run: RunFolder) -> None:
    own = RunFolder(path=run.path / "trials" / "0001")
    own.path.mkdir(parents=True)
    own.training.write_text("{}")

    assert asked(run, "0001") == own


@pytest.mark.parametrize("trial_id", ["0007", "0000.1", ""])
def test_what_is_no_trial_of_the_run_is_refused_with_those_that_are(run: RunFolder, trial_id: str) -> None:
    with pytest.raises(InputError, match=rf"one has no trial {trial_id}: it has 0000, 0001$"):
        asked(run, trial_id)


def test_a_trial_that_failed_has_nothing_to_export(run: RunFolder) -> None:
    with pytest.raises(InputError, match=r"trial 0002 of .*one has no result \(it ran out of memory\): choose another"):
        asked(run, "0002")
    assert not (run.path / "trials").exists()
