"""What `run.json` says of a run: the same after the way to disk and back, and refused by the name of a field."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_records import WINNER, run_json, run_record

from tuning.errors import InputError
from tuning.files.atomic import write_json
from tuning.runs.run_folder import RunFolder
from tuning.runs.run_record import (
    EndedSearch,
    RecordedWinner,
    RunCommand,
    RunRecord,
    RunStatus,
    SearchRun,
    SearchSection,
    TrainRun,
)

MADE_BEFORE = Path(__file__).parent / "made_before"
"""run.json of runs that finished before the record had a version."""


def made_before(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((MADE_BEFORE / f"{name}.json").read_text(encoding="utf-8"))
    return content


def places(value: Any, place: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Of every object's members, at any depth."""
    if not isinstance(value, dict):
        return []
    return [inner for name, each in value.items() for inner in ((*place, name), *places(each, (*place, name)))]


def with_value(data: dict[str, Any], place: tuple[str, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(data)
    inside = changed
    for name in place[:-1]:
        inside = inside[name]
    inside[place[-1]] = value
    return changed


def refusal(data: dict[str, Any]) -> str | None:
    """What is wrong with the record; None if nothing is."""
    try:
        RunRecord.from_json(data)
    except ValueError as error:
        return str(error)
    return None


OPEN = ("options", "versions", "hyperparameters", "space", "searched_space", "input_shapes")
"""Objects of a record whose members have names of the user's own."""


def closed_places(data: dict[str, Any]) -> list[tuple[str, ...]]:
    return [place for place in places(data) if not set(place[:-1]) & set(OPEN)]


@pytest.mark.parametrize(("name", "kind"), [("searched", SearchRun), ("trained", TrainRun)])
def test_a_run_made_before_is_read_and_written_with_additions_only(name: str, kind: type[RunRecord]) -> None:
    before = made_before(name)

    record = RunRecord.from_json(before)

    assert type(record) is kind
    assert record.status is RunStatus.FINISHED
    after = record.as_json()
    assert RunRecord.from_json(json.loads(json.dumps(after))) == record
    if kind is TrainRun:
        # Augmentation was a setting once.
        assert before["config"]["plan"]["settings"].pop("augmentation")
        assert after["config"]["plan"]["hyperparameters"].pop("augmentation") == 1.0
    for place in places(before):
        kept, written = after, before
        for key in place:
            kept, written = kept[key], written[key]
        assert isinstance(written, dict) or kept == written
    assert set(after) - set(before) <= {"version", "selection"}


@given(
    changes=st.fixed_dictionaries(
        {},
        optional={
            "status": st.sampled_from(list(map(str, RunStatus))),
            "command": st.sampled_from(["tune", "complete"]),
            "seed": st.integers(min_value=0),
            "winner": st.just(WINNER) | st.none(),
            "versions": st.dictionaries(st.text(), st.text()),
            "options": st.dictionaries(st.sampled_from(["dataset", "labels", "epochs"]), st.integers() | st.none()),
            "test": st.none()
            | st.fixed_dictionaries(
                {
                    "accuracy": st.none() | st.floats(0, 1),
                    "ci95": st.none() | st.tuples(st.floats(0, 1), st.floats(0, 1)).map(list),
                    "looks": st.integers(1, 9),
                }
            ),
            "saved": st.just({"file": "model.keras", "why_weights_only": None}),
            "finished_at": st.text(),
            "seconds": st.fixed_dictionaries({"search": st.floats(0, 1e9), "retrain": st.floats(0, 1e9)}),
        },
    )
)
def test_a_record_read_from_json_equals_the_one_written(changes: dict[str, Any]) -> None:
    record = run_record(**changes)

    assert RunRecord.from_json(json.loads(json.dumps(record.as_json(), allow_nan=False))) == record


@pytest.mark.parametrize("name", ["searched", "trained"])
def test_an_unknown_field_is_named(name: str) -> None:
    known = made_before(name)
    outer = {place[:-1] for place in closed_places(known)}
    for place in sorted(outer - {place for place in outer if place and place[-1] in OPEN}):
        changed = with_value(known, (*place, "colour"), "red")
        with pytest.raises(ValueError, match=rf"^{'.'.join((*place, 'colour'))} is unknown$"):
            RunRecord.from_json(changed)


@pytest.mark.parametrize("name", ["searched", "trained"])
@pytest.mark.parametrize("wrong", [[[]], {"": {}}, True, "\x01"])
def test_a_value_of_another_kind_is_named_with_its_place(name: str, wrong: Any) -> None:
    """Of what a place may hold as well, as text, nothing is said."""
    known = made_before(name)
    refusals = {place: refusal(with_value(known, place, wrong)) for place in closed_places(known)}
    refused = {place: sentence for place, sentence in refusals.items() if sentence is not None}

    assert len(refused) > len(refusals) / 3
    assert not [place for place, sentence in refused.items() if ".".join(place) not in sentence or "\n" in sentence]


@pytest.mark.parametrize("place", [("dataset", "digest"), ("config", "max_trials"), ("status",), ("seed",)])
def test_a_missing_field_is_named(tmp_path: Path, place: tuple[str, ...]) -> None:
    record = copy.deepcopy(run_json())
    inside = record
    for key in place[:-1]:
        inside = inside[key]
    del inside[place[-1]]
    run = RunFolder(path=tmp_path)
    write_json(run.run_json, record)

    with pytest.raises(InputError, match=rf"run\.json lacks {'.'.join(place)}: restore it or start a new run"):
        run.read()


def test_a_record_of_a_later_release_is_refused() -> None:
    with pytest.raises(ValueError, match="version 2 is of a later release: update this one"):
        RunRecord.from_json(run_json(version=2, something="new"))


def test_another_command_is_refused() -> None:
    with pytest.raises(ValueError, match="command must be one of tune, train, complete, got 'export'"):
        RunRecord.from_json(run_json(command="export"))


def test_options_that_say_what_the_model_is_are_checked_where_the_record_is_read() -> None:
    with pytest.raises(ValueError, match=r"options\.space must be an object, text or null, got 3"):
        RunRecord.from_json(run_json(options={"space": 3}))


@pytest.mark.parametrize("status", RunStatus)
def test_a_run_has_a_model_once_that_is_trained(status: RunStatus) -> None:
    assert status.has_model == (status in (RunStatus.EVALUATING, RunStatus.FINISHED))


@pytest.mark.parametrize(("val_loss", "expected"), [(0.25, 0.25), (math.nan, None)])
def test_a_winner_is_described_in_words_that_json_has(make_trial: Any, val_loss: float, expected: float | None) -> None:
    described = json.loads(json.dumps(RecordedWinner.of(make_trial(val_loss)).as_json(), allow_nan=False))

    assert described == {
        "trial_id": "0000",
        "hyperparameters": {"num_blocks": 1, "learning_rate": 0.01},
        "val_loss": expected,
        "val_accuracy": 0.75,
        "parameters": 100,
    }


def test_what_is_not_known_yet_is_left_out() -> None:
    written = run_record().as_json()

    assert not {"saved", "finished_at"} & set(written)
    assert not {"searched", "retraining_epochs"} & set(written["config"])
    assert (written["winner"], written["test"], written["version"]) == (None, None, 1)


def test_a_program_s_run_is_one_of_a_search() -> None:
    record = run_record(command="complete")

    assert isinstance(record, SearchRun)
    assert record.command is RunCommand.COMPLETE
    assert record.config == SearchSection(algorithm="random", max_trials=5, epochs=2, budget="10m", seed=0)


def test_an_ended_search_says_what_ended_it() -> None:
    with pytest.raises(ValueError, match="stopped_by must be one of max_trials, budget, space, skipped, got 'tired'"):
        EndedSearch.from_json({"max_trials": 1, "budget": "1m", "stopped_by": "tired"})
