"""Combinations that can't be built, and those that an oracle of the caller's own asks for again, in a whole search."""

from __future__ import annotations

from collections import Counter

import keras_tuner as kt
import pytest
from asking_builder import Asking
from keras_tuner.engine import trial as trial_module
from simulated_executor import EVERY, Simulated

from tuning._search import search
from tuning.errors import ImpossibleError, UserCodeError
from tuning.loop.journal import Journal, Repetition, SearchBegan, Suggestion
from tuning.loop.resources import Resources
from tuning.loop.search_loop import MOST_REPEATED_IN_A_ROW, MOST_SKIPPED_IN_A_ROW
from tuning.records import SearchConfig, TrialStatus


@pytest.fixture(scope="module")
def run(search_data):
    def call(ask, folder, **asked):
        config = SearchConfig(**{"max_trials": 6, "epochs": 2, "repeats": 0, **asked})
        using = Resources(make_executor=lambda workplace, work: Simulated(workers=1))
        return search(Asking(ask), search_data, folder, config, resources=using)

    return call


def too_deep(hp):
    if hp.Int("depth", 1, 9) * hp.Int("pool", 1, 9) > 9:
        raise ImpossibleError("the program failed: fix it there", reason="my.py line 8: ValueError: too deep")


@pytest.mark.parametrize("algorithm", EVERY)
def test_impossible_combinations_cost_no_trial_and_stand_with_their_reason(run, tmp_path, algorithm):
    result = run(too_deep, tmp_path, algorithm=algorithm, max_trials=20)

    skipped = [trial for trial in result.trials if trial.status is TrialStatus.SKIPPED]
    trained = [trial for trial in result.trials if trial.status is not TrialStatus.SKIPPED]
    assert len(trained) == 20
    assert skipped
    assert all(trial.hyperparameters["depth"] * trial.hyperparameters["pool"] > 9 for trial in skipped)
    assert {trial.reason for trial in skipped} == {"my.py line 8: ValueError: too deep"}
    assert "my.py line 8: ValueError: too deep" in (tmp_path / "trials.csv").read_text()


def test_only_many_impossible_ones_in_a_row_end_a_search(run, tmp_path):
    def after_the_first(hp):
        if hp.Int("number", 0, 10_000, default=0):
            raise ImpossibleError("the program failed: fix it there", reason="no")

    result = run(after_the_first, tmp_path)

    assert result.stopped_by == "skipped"
    assert Counter(trial.status for trial in result.trials) == {
        TrialStatus.COMPLETED: 1,
        TrialStatus.SKIPPED: MOST_SKIPPED_IN_A_ROW,
    }, "what had paused was continued"


def test_a_space_that_is_finished_beside_impossible_ones_is_used_up(run, tmp_path):
    result = run(too_deep, tmp_path, max_trials=1000)

    assert result.stopped_by == "space"
    assert len(result.trials) == 9 * 9


def test_a_model_that_cannot_be_built_has_failed_and_keeps_its_traceback(run, tmp_path):
    def sometimes(hp):
        if hp.Int("number", 0, 3, default=0) == 2:
            try:
                raise KeyError("mine")
            except KeyError as error:
                raise UserCodeError("the program failed", reason="my.py line 2: KeyError: 'mine'") from error

    result = run(sometimes, tmp_path)

    (failed,) = [trial for trial in result.trials if trial.status is TrialStatus.FAILED]
    kept = (tmp_path / "trials" / failed.trial_id / "traceback.txt").read_text()
    assert failed.reason == "my.py line 2: KeyError: 'mine'"
    assert kept.rstrip().endswith("KeyError: 'mine'")
    assert [path.parent.name for path in tmp_path.glob("trials/*/traceback.txt")] == [failed.trial_id]


def test_a_journal_is_read_without_asking_the_builder(run, tmp_path):
    """What is asked when a search goes on does not grow with the trials that are there."""
    counts = []
    for largest in (3, 30):
        asked = []

        def ask(hp, largest=largest, asked=asked):
            asked.append(hp.Int("number", 0, largest))

        folder = tmp_path / str(largest)
        whole = run(ask, folder, max_trials=50)
        asked.clear()
        again = run(ask, folder, max_trials=50)
        counts.append(len(asked))
        assert [trial.hyperparameters for trial in again.trials] == [trial.hyperparameters for trial in whole.trials]
        assert len(again.trials) == largest + 1
    assert counts[0] == counts[1]


class AlwaysTheSame(kt.engine.oracle.Oracle):
    """Asks for a single configuration, whatever it hears."""

    def populate_space(self, trial_id):
        return {"status": trial_module.TrialStatus.RUNNING, "values": {"number": 2}}


def test_a_caller_s_oracle_that_asks_again_gets_the_result_that_is_there_and_ends_in_time(run, tmp_path):
    def ask(hp):
        hp.Int("number", 0, 100)

    oracle = AlwaysTheSame(objective=kt.Objective("val_loss", "min"), max_trials=1000)
    result = run(ask, tmp_path, algorithm=oracle, max_trials=1000)

    head, first, *others = Journal(tmp_path / "trials.jsonl").read()
    again = [event for event in others if isinstance(event, Repetition)]
    assert isinstance(head, SearchBegan)
    assert isinstance(first, Suggestion)
    assert result.stopped_by == "space"
    assert [trial.hyperparameters["number"] for trial in result.trials] == [2]
    assert [event.trial_id for event in again] == ["0000"] * MOST_REPEATED_IN_A_ROW
    scores = [trial.score for trial in oracle.trials.values() if trial.score is not None]
    assert set(scores) == {result.trials[0].val_loss}


def test_a_search_goes_on_behind_repetitions(run, tmp_path):
    def ask(hp):
        hp.Int("number", 0, 100)

    def search_with(name):
        oracle = AlwaysTheSame(objective=kt.Objective("val_loss", "min"), max_trials=1000)
        return run(ask, tmp_path / name, algorithm=oracle, max_trials=1000)

    whole = search_with("whole")
    lines = (tmp_path / "whole" / "trials.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "trials.jsonl").write_bytes(b"".join(lines[:20]))
    again = search_with("part")

    kept = [Journal(tmp_path / name / "trials.jsonl").read() for name in ("whole", "part")]
    assert kept[0] == kept[1]
    assert again.stopped_by == whole.stopped_by == "space"
