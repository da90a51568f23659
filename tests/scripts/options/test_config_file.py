"""Options in a file: as on the command line, which takes precedence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from run_records import run_json

from scripts.options.config_file import add_config_argument, with_config
from scripts.options.declared import OptionParser
from tuning.errors import InputError
from tuning.settings import TrainingPlan, TrainingSettings


@pytest.fixture
def parser() -> OptionParser:
    made = OptionParser(allow_abbrev=False)
    made.add_alternatives({"--dataset": {}, "--data": {"type": Path}})
    made.add_argument("--max-trials", type=int)
    made.add_argument("--budget")
    made.add_argument("--space")
    made.add_argument("--callback", action="append")
    made.add_argument("--baselines", action="store_true")
    made.add_argument("--json", action="store_true")
    add_config_argument(made)
    return made


@pytest.fixture
def read(parser: OptionParser, tmp_path: Path) -> Any:
    """`read(text, *words)`: the options as the parser sees them with this config file."""

    def call(text: str, *words: str, name: str = "run.toml") -> dict[str, Any]:
        (tmp_path / name).write_text(text)
        return vars(parser.parse_args(with_config(parser, ["--config", str(tmp_path / name), *words])))

    return call


def test_without_a_file_the_words_stay(parser: OptionParser) -> None:
    assert with_config(parser, ["--budget", "1m"]) == ["--budget", "1m"]


def test_every_kind_of_option_is_read(read: Any) -> None:
    options = read('max-trials = 3\nbudget = "5m"\nbaselines = true\ncallback = ["a.py:f", "b.py:g"]\n')

    assert (options["max_trials"], options["budget"], options["baselines"]) == (3, "5m", True)
    assert options["callback"] == ["a.py:f", "b.py:g"]


def test_underscores_do_as_well(read: Any) -> None:
    assert read("max_trials = 3")["max_trials"] == 3


def test_the_command_line_counts_more(read: Any) -> None:
    assert read("max-trials = 3\nbaselines = false", "--max-trials", "5", "--baselines")["max_trials"] == 5
    assert read("max-trials = 3", "--max-trials=6")["max_trials"] == 6


def test_an_option_that_excludes_another_takes_its_place(read: Any) -> None:
    options = read('dataset = "digits"', "--data", "mine.npz")

    assert (options["dataset"], options["data"]) == (None, Path("mine.npz"))


def test_the_space_can_be_a_table_of_its_own(read: Any) -> None:
    options = read("[space]\ndropout = 0.2\nunits = {low = 1, high = 2}\n")

    assert json.loads(options["space"]) == {"dropout": 0.2, "units": {"low": 1, "high": 2}}


def test_a_run_s_own_record_repeats_it(read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["scripts/tune.py"])
    record = run_json(options={"max_trials": 4, "budget": "2m", "data": None, "callback": [], "space": {}})

    options = read(json.dumps(record), name="run.json")

    assert (options["max_trials"], options["budget"], options["data"]) == (4, "2m", None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max-trails = 3", r"unknown option in .*run\.toml max-trails: did you mean max-trials\?"),
        ("json = true", r"unknown option in .*run\.toml json"),
        ("max-trials = [3]", r"max-trials in .*run\.toml must be text or a number, got \[3\]"),
        ("baselines = 1", r"baselines in .*run\.toml must be true or false, got 1"),
        ("budget = true", r"budget in .*run\.toml must be text or a number, got True"),
        ("callback = [1, [2]]", r"callback in .*run\.toml must be a list of strings, got"),
        ("[space]\nu = 2024-01-01", r"space in .*run\.toml holds what no hyperparameter can be"),
        ("[budget]\nx = 1", r"budget in .*run\.toml must be text or a number"),
        ("max-trials = ", r"run\.toml can't be read as TOML"),
    ],
)
def test_what_no_option_takes_is_refused(text: str, message: str, read: Any) -> None:
    with pytest.raises(InputError, match=message):
        read(text)


PLAN = TrainingPlan(hyperparameters={}, settings=TrainingSettings(epochs=1), seed=0)
TRAINED = run_json(command="train", config={"plan": PLAN.as_json()})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"run\.json is not the run\.json of a run \(.*\): give one, or a TOML file"),
        (json.dumps(run_json(options=3)), r"run\.json is not the run\.json of a run \(options must be an object"),
        ("[]", r"run\.json is not the run\.json of a run"),
        (json.dumps(TRAINED), r"run\.json was written by train\.py: give it to that command"),
        (json.dumps(run_json(command="complete")), r"run\.json was written by a program, which has no options"),
    ],
)
def test_a_record_of_another_kind_is_refused(
    text: str, message: str, read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["scripts/tune.py"])

    with pytest.raises(InputError, match=message):
        read(text, name="run.json")


def test_a_file_that_is_not_there_is_refused(parser: OptionParser) -> None:
    for name in ("none.toml", "none.json"):
        with pytest.raises(InputError, match=f"there is no file {name}: give a TOML file"):
            with_config(parser, ["--config", name])
