"""Results of an earlier search, ours or Keras Tuner's, and what a later one makes of them."""

from __future__ import annotations

import json

import keras_tuner as kt
import pytest

from tuning._search import prepare_search, search
from tuning.errors import InputError
from tuning.loop.earlier_results import MOST_RESULTS, read_earlier, results_in
from tuning.loop.journal import Journal, Suggestion
from tuning.loop.observer import Silent
from tuning.loop.resources import Resources
from tuning.records import EarlierResult, SearchConfig, TrialStatus
from tuning.settings import VALIDATION_LOSS, Objective, TrainingSettings

ACCURACY = Objective(name="val_accuracy", maximize=True)


@pytest.fixture
def earlier_run(tmp_path, make_trial, make_epoch):
    """The folder of a run with these learning curves of validation losses, and a failed trial."""

    def make(*curves, parts=1):
        folder = tmp_path / "before"
        folder.mkdir()
        journal = Journal(folder / "trials.jsonl")
        settings = TrainingSettings(epochs=100, parts=parts)
        for number, curve in enumerate(curves):
            epochs = tuple(make_epoch(val_loss=value, val_accuracy=1 - value) for value in curve)
            named = {"trial_id": f"{number:04d}", "hyperparameters": {"learning_rate": 0.003 + 0.001 * number}}
            journal.append(make_trial(epochs=epochs, result_epoch=len(epochs) - 1, settings=settings, **named))
        journal.append(make_trial(trial_id="0099", status=TrialStatus.FAILED, epochs=(), result_epoch=0))
        return folder

    return make


@pytest.fixture
def keras_tuner_project(tmp_path):
    """A project folder of Keras Tuner, with the results that its own oracle writes."""

    def make(oracle, scores):
        hp = kt.HyperParameters()
        hp.Float("learning_rate", 0.003, 0.02)
        oracle.update_space(hp)
        oracle._set_project_dir(str(tmp_path), "project")
        for score in scores:
            trial = oracle.create_trial("tuner0")
            oracle.update_trial(trial.trial_id, {"val_loss": score, "val_accuracy": 1 - score}, step=3)
            trial.status = "COMPLETED"
            oracle.end_trial(trial)
        oracle.save()
        return tmp_path / "project"

    return make


def test_a_run_of_ours_gives_curves_by_passes_over_all_images(earlier_run):
    content = read_earlier(earlier_run([0.9, 0.5, 0.4], [0.3], parts=2))
    best, other = results_in(content, VALIDATION_LOSS)
    assert best == EarlierResult(hyperparameters={"learning_rate": 0.004}, curve=((0.5, 0.3),))
    assert other.curve == ((0.5, 0.9), (1.0, 0.5), (1.5, 0.4))
    assert [result.curve[-1][1] for result in results_in(content, ACCURACY)] == [pytest.approx(0.7), pytest.approx(0.6)]


def test_what_is_read_is_plain_json(earlier_run):
    content = read_earlier(earlier_run([0.5]))
    assert json.loads(json.dumps(content)) == content


def test_a_long_curve_is_told_by_a_few_epochs_and_its_last(earlier_run):
    (result,) = results_in(read_earlier(earlier_run([1 / (n + 1) for n in range(100)])), VALIDATION_LOSS)
    assert len(result.curve) < 12
    assert result.curve[-1] == (100.0, pytest.approx(1 / 100))


def test_a_project_of_keras_tuner_gives_values(keras_tuner_project):
    oracle = kt.oracles.RandomSearchOracle(objective="val_loss", max_trials=9, seed=0)
    results = results_in(read_earlier(keras_tuner_project(oracle, [0.5, 0.2])), VALIDATION_LOSS)
    assert [result.curve for result in results] == [((None, 0.2),), ((None, 0.5),)]
    assert all(result.hyperparameters.keys() == {"learning_rate"} for result in results)


def test_keras_tuner_s_hyperband_says_after_how_many_epochs(keras_tuner_project):
    oracle = kt.oracles.HyperbandOracle(objective="val_loss", max_epochs=4, seed=0)
    (result,) = results_in(read_earlier(keras_tuner_project(oracle, [0.5])), VALIDATION_LOSS)
    assert result.curve == ((2.0, 0.5),)
    assert result.hyperparameters.keys() == {"learning_rate"}


def test_of_very_many_the_best_are_taken_and_some_of_all_others(make_trial):
    trials = [{"hyperparameters": {"a": number}, "curve": [[1, {"val_loss": 1.0 + number}]]} for number in range(1000)]
    found = results_in({"name": "x", "trials": trials}, VALIDATION_LOSS)
    assert len(found) <= MOST_RESULTS
    assert [result.hyperparameters["a"] for result in found[:50]] == list(range(50))
    assert found[-1].hyperparameters["a"] > 900


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(
        InputError, match="is neither the folder of a run nor a project folder of Keras Tuner: give one"
    ):
        read_earlier(tmp_path)


def test_a_folder_without_a_result_is_refused(earlier_run):
    with pytest.raises(InputError, match=r"no trial in .* has a result: give another folder"):
        read_earlier(earlier_run())


def test_a_file_that_keras_tuner_did_not_write_is_refused(keras_tuner_project):
    oracle = kt.oracles.RandomSearchOracle(objective="val_loss", max_trials=9, seed=0)
    folder = keras_tuner_project(oracle, [0.5])
    next(folder.glob("trial_*/trial.json")).write_text('{"hyperparameters": 3}')
    with pytest.raises(InputError, match=r"is not a trial of Keras Tuner .*: give another folder"):
        read_earlier(folder)


def test_results_without_the_objective_are_refused(earlier_run):
    content = read_earlier(earlier_run([0.5]))
    with pytest.raises(
        InputError, match="no trial of before reports val_auc: give another folder or another objective"
    ):
        results_in(content, Objective(name="val_auc", maximize=True))


@pytest.mark.parametrize("content", [{"trials": []}, {"name": "x", "trials": [3]}, {"name": "x", "trials": 5}])
def test_anything_else_is_refused(content):
    with pytest.raises(InputError, match=r"earlier results must be those of a search|reports val_loss"):
        results_in(content, VALIDATION_LOSS)


def config(earlier, **changes):
    return SearchConfig(**{"max_trials": 3, "epochs": 2, "repeats": 0, "earlier": tuple(earlier), **changes})


def results(rates, at_best):
    """Of another data set, whose losses are ten times as large, with the best learning rate there."""
    return [
        EarlierResult(
            hyperparameters={"learning_rate": rate},
            curve=((1.0, 6 + abs(rate - at_best) * 400), (2.0, 4 + abs(rate - at_best) * 400)),
        )
        for rate in rates
    ]


@pytest.mark.slow
def test_the_first_proposals_lie_where_an_earlier_search_was_good(tiny, search_data, tmp_path):
    asked = config(results([0.003 + 0.001 * step for step in range(18)], at_best=0.005), seed=3)
    search(tiny, search_data, tmp_path, asked, resources=Resources(workers=0))
    suggested = [event for event in Journal(tmp_path / "trials.jsonl").read() if isinstance(event, Suggestion)]
    rates = list(dict.fromkeys(float(event.hyperparameters["learning_rate"]) for event in suggested))[1:]
    assert all(rate < 0.009 for rate in rates), "the first one is the default"


@pytest.mark.slow
def test_results_outside_the_space_do_not_count_and_that_is_said(tiny, search_data):
    inside, outside = results([0.004, 0.006], at_best=0.005), results([5.0], at_best=0.005)
    prepared = prepare_search(tiny, search_data, config([*inside, *outside]))
    prepared.close()
    assert prepared.notes == ("2 of 3 earlier results lie in the space, and are learned from",)
    with pytest.raises(InputError, match="none of 1 earlier results lies in the space: leave them out"):
        prepare_search(tiny, search_data, config(outside))


@pytest.mark.slow
def test_an_algorithm_that_can_not_learn_from_them_is_refused(tiny, search_data):
    with pytest.raises(
        InputError, match="random can't learn from earlier results: leave them out or choose freeze-thaw"
    ):
        prepare_search(tiny, search_data, config(results([0.005], at_best=0.005), algorithm="random"))


@pytest.mark.slow
def test_a_search_is_not_continued_with_other_results(tiny, search_data, tmp_path):
    one, other = results([0.004], at_best=0.005), results([0.006], at_best=0.005)
    first = prepare_search(tiny, search_data, config(one, max_trials=1))
    first.run(tmp_path, resources=Resources(workers=0), observer=Silent())
    with pytest.raises(InputError, match="was begun by a search with earlier"):
        search(tiny, search_data, tmp_path, config(other, max_trials=1), resources=Resources(workers=0))
