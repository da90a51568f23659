"""Files of a run that hold something else than a run writes are refused, each with the place and the kind."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import pytest
from run_records import DATASET, run_json

from tuning.errors import InputError
from tuning.files.atomic import write_json
from tuning.files.json_record import FieldError
from tuning.loop.journal import Journal
from tuning.records import Epoch, TrialRecord
from tuning.runs.run_folder import RunFolder
from tuning.runs.training_file import read_trained
from tuning.settings import TrainingPlan
from tuning.space.ranges import range_from_json


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(path=tmp_path)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"seed": "a"}, "seed must be a whole number, got 'a'"),
        ({"seed": True}, "seed must be a whole number, got True"),
        ({"dataset": {"name": 3}}, "dataset.name must be text, got 3"),
        ({"dataset": {"path": 3}}, "dataset.path must be text or null, got 3"),
        ({"dataset": []}, r"dataset must be an object, got \[\]"),
        ({"test": {"accuracy": "x", "ci95": None, "looks": 1}}, "test.accuracy must be a number or null, got 'x'"),
        ({"config": {"callback": [1]}}, r"config.callback\[0\] must be text, got 1"),
        ({"dataset": {"name": "a\0b"}}, "text in it holds a null character"),
    ],
)
def test_a_record_with_a_value_of_another_kind_is_refused(run: RunFolder, record: Any, message: str) -> None:
    known = run_json()
    changes = {
        name: {**known[name], **value} if isinstance(known.get(name), dict) and value else value
        for name, value in record.items()
    }
    write_json(run.run_json, {**known, **changes})

    with pytest.raises(InputError, match=rf"run\.json is not the record of a run \({message}\): restore it or start a"):
        run.read()


@pytest.mark.parametrize("place", ["dataset", "dataset.digest", "config.max_trials", "status"])
def test_what_a_record_lacks_is_named(run: RunFolder, place: str) -> None:
    record = copy.deepcopy(run_json())
    *outer, name = place.split(".")
    del (record[outer[0]] if outer else record)[name]
    write_json(run.run_json, record)

    with pytest.raises(InputError, match=rf"run\.json lacks {place}: restore it or start a new run"):
        run.read()


def test_a_record_that_is_a_pipe_does_not_hang(run: RunFolder) -> None:
    os.mkfifo(run.run_json)

    with pytest.raises(InputError, match=r"run\.json is a pipe and not a file: restore it or start a new run"):
        run.read()
    with pytest.raises(InputError, match=r"run\.json is a pipe and not a file: restore it or start a new run"):
        run.state()


@pytest.mark.parametrize("name", ["../outside", "/tmp/a", "a/b", "", ".."])
def test_a_trial_that_is_called_as_a_path_is_refused(run: RunFolder, name: str) -> None:
    with pytest.raises(InputError, match=r"in .*trials\.jsonl is no name of a trial: restore it or start a new run"):
        run.trial(name)


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ({"folder": {"path": "a", "image_size": [8]}}, r"dataset.folder.image_size must be a list of 2, got \[8\]"),
        (
            {"folder": {"path": "a", "image_size": [0, 8]}},
            r"dataset.folder: image_size must be two whole numbers of 1 to 4096, got \[0, 8\]",
        ),
        ({"folder": {"path": "a", "more": 1}}, "dataset.folder.more is unknown"),
        ({"arrays": {"more": 1}}, "dataset.arrays.more is unknown"),
        ({"arrays": {"labels": "some"}}, "dataset.arrays: labels must be one of auto, classes, numbers, got some"),
    ],
)
def test_data_that_is_read_in_an_unknown_way_is_refused(run: RunFolder, described: Any, message: str) -> None:
    write_json(run.run_json, run_json(dataset={**DATASET, **described}))

    with pytest.raises(InputError, match=rf"run\.json is not the record of a run \({message}\)"):
        run.read()


def test_a_description_of_something_else_is_no_trained_model(tmp_path: Path) -> None:
    (tmp_path / "training.json").write_text('{"settings": 3, "epochs": []}')

    with pytest.raises(
        InputError, match=r"training\.json does not describe a trained model \(.*\): restore it or start"
    ):
        read_trained(tmp_path / "training.json")
    (tmp_path / "training.json").write_text("{}")
    with pytest.raises(InputError, match=r"training\.json lacks hyperparameters: restore it or start a new run"):
        read_trained(tmp_path / "training.json")


def test_an_epoch_that_is_not_there_can_not_be_the_result(make_trial: Any) -> None:
    data = {**make_trial().as_json(), "result_epoch": 3}

    with pytest.raises(ValueError, match="result_epoch must be one of 1 epochs, got 3"):
        TrialRecord.from_json(data)


def test_hyperparameters_hold_plain_values(make_trial: Any) -> None:
    trial = make_trial()
    data = {"hyperparameters": {"a": [1]}, "settings": trial.settings.as_json(), "seed": 0}

    with pytest.raises(
        FieldError, match=r"hyperparameters\.a must be true or false, a whole number, a number or text, got \[1\]"
    ):
        TrainingPlan.from_json(data)


def test_an_epoch_of_texts_is_none(make_epoch: Any) -> None:
    with pytest.raises(FieldError, match="learning_rate must be a number, got None"):
        Epoch.from_json({**make_epoch().as_json(), "learning_rate": None})


@pytest.mark.parametrize("values", [[{}], [[1]], [None]])
def test_choices_are_plain_values(values: list[Any]) -> None:
    with pytest.raises(FieldError, match=r"values\[0\] must be true or false, a whole number, a number or text, got"):
        range_from_json({"kind": "choices", "values": values})


@pytest.mark.parametrize("line", [b'{"event": "lost", "elapsed": "1"}', b"[]", b"[" * 5_000, b"NaN"])
def test_a_line_of_something_else_is_no_event(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "trials.jsonl").write_bytes(line + b"\n")

    with pytest.raises(InputError, match=r"trials\.jsonl line 1 is not an event of a search"):
        Journal(tmp_path / "trials.jsonl").read()
