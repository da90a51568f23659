"""The winner, trained afresh and saved whole or not at all."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

from tuning._retrain import retrain, retraining_plan, train_and_save
from tuning.errors import TrainingError
from tuning.files.atomic import read_json
from tuning.ranking.choice import SearchResult
from tuning.ranking.selection import select
from tuning.records import StopReason
from tuning.runs.run_folder import RunFolder
from tuning.runs.trained import TrainedModel
from tuning.seeds import derive_seed
from tuning.settings import Schedule
from tuning.space.ranges import Choices
from tuning.training.saving import Kept, save_model
from tuning.training.train import Watch


@pytest.fixture
def plan(tiny, make_trial):
    winner = make_trial(hyperparameters=tiny.check({"learning_rate": 0.01}))
    return retraining_plan(tiny, winner, curves=[winner], examples=200, seed=0, most_epochs=2)


@pytest.mark.parametrize(("examples", "epochs"), [(60_000, 60), (10**7, 12), (120_000, 30), (1442, 60), (1, 60)])
def test_fewer_images_are_shown_more_often(tiny, make_trial, examples, epochs):
    winner = make_trial()
    assert retraining_plan(tiny, winner, curves=[winner], examples=examples, seed=0).settings.epochs == epochs


def test_a_winner_is_retrained_with_a_rate_that_falls_and_a_seed_of_its_own(plan):
    assert (plan.settings.epochs, plan.settings.schedule) == (2, Schedule.WARMUP_DECAY)
    assert plan.seed == derive_seed(0, "retrain")


def test_the_time_may_allow_fewer_epochs_but_never_adds_any(tiny, make_trial):
    winner = make_trial()
    plans = [
        retraining_plan(tiny, winner, curves=[winner], examples=60_000, seed=0, most_epochs=most) for most in (5, 99)
    ]
    assert [plan.settings.epochs for plan in plans] == [5, 60]


def test_a_search_without_a_winner_has_nothing_to_retrain(tiny, search_data, tmp_path):
    nothing = SearchResult(trials=(), stopped_by=StopReason.MAX_TRIALS)
    with pytest.raises(TrainingError, match="no trial of the search has a result: there is no winner to train"):
        retrain(tiny, nothing, search_data, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_the_winner_of_a_search_is_retrained_on_all_images_and_no_state_is_left(
    tiny, search_data, make_trial, tmp_path, monkeypatch
):
    monkeypatch.setattr("tuning.models.built_in.FEWEST_EPOCHS", 1)
    monkeypatch.setattr("tuning.models.built_in.MOST_EPOCHS", 2)
    trials = [make_trial(0.1, hyperparameters=tiny.check({})), make_trial(0.2, trial_id="0001")]
    result = SearchResult(trials=tuple(trials), stopped_by=StopReason.BUDGET, selection=select(trials, ()))
    trained = retrain(tiny, result, search_data, tmp_path / "run", seed=3)
    assert (trained.examples, len(trained.epochs), trained.seed) == (300, 2, derive_seed(3, "retrain"))
    assert trained.hyperparameters == trials[0].hyperparameters
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["model.keras", "training.json"]


@pytest.mark.slow
def test_retraining_writes_the_model_and_how_it_was_trained(tiny, plan, small_split, tmp_path):
    folder, told = RunFolder(path=tmp_path), []
    trained = train_and_save(tiny, plan, folder, examples=(small_split[0], None), watch=Watch(on_epoch=told.append))
    model = keras.models.load_model(folder.model)
    assert TrainedModel.from_json(read_json(folder.training)) == trained
    assert (trained.examples, trained.parameters) == (200, model.count_params())
    assert (trained.epochs, trained.result_epoch) == (tuple(told), 1)
    assert (trained.hyperparameters, trained.settings, trained.seed) == (plan.hyperparameters, plan.settings, plan.seed)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.keras", "training.json"]


@pytest.mark.slow
def test_retraining_again_gives_the_same_model(tiny, plan, small_split, tmp_path):
    weights = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        train_and_save(tiny, plan, RunFolder(path=tmp_path / name), examples=(small_split[0], None), watch=Watch())
        weights.append(keras.models.load_model(tmp_path / name / "model.keras").get_weights())
    assert all(np.array_equal(one, other) for one, other in zip(*weights, strict=True))


@pytest.mark.slow
def test_a_training_with_validation_reports_it(tiny, plan, small_split, tmp_path):
    trained = train_and_save(tiny, plan, RunFolder(path=tmp_path), examples=small_split, watch=Watch())
    assert all(epoch.val_loss is not None for epoch in trained.epochs)


@pytest.mark.slow
def test_a_loss_that_is_not_finite_is_an_error_and_saves_nothing(tiny, plan, small_split, tmp_path):
    hopeless = type(tiny)(tiny.task, ranges={**tiny.ranges, "learning_rate": Choices(values=(1e30,))})
    plan = replace(plan, hyperparameters=hopeless.check({"learning_rate": 1e30}))
    message = "the loss became NaN or infinite in epoch 1: choose a smaller learning rate"
    with pytest.raises(TrainingError, match=message):
        train_and_save(hopeless, plan, RunFolder(path=tmp_path), examples=(small_split[0], None), watch=Watch())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_model_that_cannot_be_put_in_place_leaves_no_part_behind(model_file, tmp_path):
    model = keras.models.load_model(model_file)
    (tmp_path / "model.keras" / "taken").mkdir(parents=True)
    with pytest.raises(OSError, match=r"model\.keras"):
        save_model(model, RunFolder(path=tmp_path), Kept())
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]


@pytest.mark.slow
def test_saving_replaces_an_older_model(model_file, tmp_path):
    model = keras.models.load_model(model_file)
    (tmp_path / "model.keras").write_bytes(b"old")
    save_model(model, RunFolder(path=tmp_path), Kept())
    assert keras.models.load_model(tmp_path / "model.keras").count_params() == model.count_params()
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]
