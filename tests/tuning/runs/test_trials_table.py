"""The table of a search's trials, as a spreadsheet reads it."""

from __future__ import annotations

import csv
import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest

from tuning.records import TrialStatus
from tuning.runs.trials_table import write_trials_csv
from tuning.settings import Objective


@pytest.fixture
def table(tmp_path: Path) -> Any:
    """The rows of the table of some trials, the heading first."""

    def call(*trials: Any) -> list[list[str]]:
        write_trials_csv(tmp_path / "trials.csv", trials)
        with (tmp_path / "trials.csv").open(newline="", encoding="utf-8") as file:
            return list(csv.reader(file))

    return call


def ranked_by(trial: Any, name: str, value: float | None, *, maximize: bool, **changes: Any) -> Any:
    """The trial of a search with this objective, which had this value."""
    (epoch,) = trial.epochs
    metrics = {} if value is None else {name: value}
    settings = dataclasses.replace(trial.settings, objective=Objective(name=name, maximize=maximize))
    return dataclasses.replace(
        trial, settings=settings, epochs=(dataclasses.replace(epoch, metrics=metrics),), **changes
    )


def test_trials_are_best_first_and_blank_where_nothing_is_known(table: Any, make_trial: Any) -> None:
    rows = table(
        make_trial(0.5, trial_id="0000", hyperparameters={"num_blocks": 1}, seconds=1.234),
        make_trial(
            trial_id="0001",
            hyperparameters={"num_blocks": 2},
            status=TrialStatus.FAILED,
            reason="my.py line 8: ValueError: no",
            epochs=(),
            parameters=0,
        ),
        make_trial(
            0.25,
            trial_id="0002",
            hyperparameters={"num_blocks": 2, "pooling": "max"},
            status=TrialStatus.STOPPED,
            reason="it was behind",
            note="its fit said more",
        ),
    )

    facts = ["trial", "status", "val_loss", "val_accuracy", "epochs", "parameters", "seconds", "reason"]
    assert rows == [
        [*facts, "num_blocks", "pooling"],
        ["0002", "stopped", "0.25", "0.75", "1", "100", "3.0", "it was behind; its fit said more", "2", "max"],
        ["0000", "completed", "0.5", "0.75", "1", "100", "1.23", "", "1", ""],
        ["0001", "failed", "", "", "0", "", "3.0", "my.py line 8: ValueError: no", "2", ""],
    ]


def test_the_objective_decides_and_has_a_column(table: Any, make_trial: Any) -> None:
    values = {"0000": 0.70, "0001": 0.99, "0002": math.nan}

    rows = table(
        *(
            ranked_by(make_trial(), "val_auc", value, maximize=True, trial_id=trial_id)
            for trial_id, value in values.items()
        )
    )

    assert [(row[0], row[2]) for row in rows] == [
        ("trial", "val_auc"),
        ("0001", "0.99"),
        ("0000", "0.7"),
        ("0002", ""),
    ]


def test_what_is_expected_ranks_the_trials_and_has_a_column(table: Any, make_trial: Any) -> None:
    heading, first, second = table(
        make_trial(0.1, trial_id="0000", expected=0.09), make_trial(0.3, trial_id="0001", expected=0.05)
    )

    assert heading[4] == "expected"
    assert [(row[0], row[4]) for row in (first, second)] == [("0001", "0.05"), ("0000", "0.09")]


def test_every_column_has_a_name_of_its_own(table: Any, make_trial: Any) -> None:
    names = ["status", "hp_status", "epochs", "loss", "val_loss", "trial", "reason", "layer 1/µ", "a,b", "\udce9"]

    (heading, row) = table(make_trial(hyperparameters={name: number for number, name in enumerate(names)}))

    assert len(set(heading)) == len(heading) == len(row)
    assert heading[8:] == [
        "hp_hp_status",
        "hp_status",
        "hp_epochs",
        "loss",
        "hp_val_loss",
        "hp_trial",
        "hp_reason",
        "layer 1/µ",
        "a,b",
        "\\udce9",
    ]
    assert row[8:] == [str(number) for number in range(10)]


def test_a_table_without_trials_has_its_heading(table: Any) -> None:
    assert table() == [["trial", "status", "val_loss", "val_accuracy", "epochs", "parameters", "seconds", "reason"]]
