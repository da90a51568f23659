"""A killed training goes on to the weights that an uninterrupted one reaches."""

from __future__ import annotations

import json
from dataclasses import replace

import keras
import keras_tuner as kt
import numpy as np
import pytest

from tuning.errors import InputError
from tuning.models.user_model import UserModel
from tuning.settings import Schedule, TrainingPlan, TrainingSettings
from tuning.training.checkpoint import Checkpoint
from tuning.training.train import Watch, train


@pytest.fixture
def plan(hypermodel):
    """Dropout, batch normalization, Adam, averages, augmentation and a schedule: all that a checkpoint has to carry."""
    sizes = {"num_blocks": 1, "num_filters_1": 8, "dense_units": 32, "batch_size": 64}
    values = {**sizes, "dropout": 0.3, "augmentation": 1.0, "label_smoothing": 0.05, "weight_decay": 0.01}
    settings = TrainingSettings(epochs=3)
    return TrainingPlan(hyperparameters=hypermodel.check(values), settings=settings, seed=5)


@pytest.fixture
def run(hypermodel, small_split):
    """Train a plan on 200 digits without validation, saving after every epoch where there is a checkpoint."""

    def call(plan, *, folder=None, on_epoch=lambda epoch: None):
        checkpoint = None if folder is None else Checkpoint(folder=folder, seconds_apart=0.0)
        watch = Watch(on_epoch=on_epoch)
        return train(hypermodel, plan, training=small_split[0], validation=None, watch=watch, checkpoint=checkpoint)

    return call


def interrupt_at(count):
    """An `on_epoch` that ends the training at its `count`-th call, before that epoch is saved."""
    calls = iter([*[False] * (count - 1), True])

    def on_epoch(epoch):
        if next(calls):
            raise KeyboardInterrupt

    return on_epoch


def losses(training):
    return [epoch.loss for epoch in training.epochs]


@pytest.mark.slow
def test_an_interrupted_training_ends_with_the_same_weights_bit_for_bit(plan, run, tmp_path):
    whole = run(plan)
    told = []
    with pytest.raises(KeyboardInterrupt):
        run(plan, folder=tmp_path / "checkpoint", on_epoch=interrupt_at(3))
    resumed = run(plan, folder=tmp_path / "checkpoint", on_epoch=told.append)
    assert len(told) == 1
    assert losses(resumed) == losses(whole)
    assert resumed.result_epoch == 2
    for expected, weight in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True):
        assert np.array_equal(expected, weight)


@pytest.mark.slow
def test_a_training_killed_after_its_last_epoch_has_nothing_left_to_do(plan, run, tmp_path):
    told = []
    whole = run(plan, folder=tmp_path / "checkpoint")
    again = run(plan, folder=tmp_path / "checkpoint", on_epoch=told.append)
    assert told == []
    assert losses(again) == losses(whole)
    for expected, weight in zip(whole.model.get_weights(), again.model.get_weights(), strict=True):
        assert np.array_equal(expected, weight)


@pytest.mark.slow
@pytest.mark.parametrize("epochs_left", [1, 2, 8])
def test_a_training_that_keeps_its_best_epoch_and_stops_early_goes_on_to_the_same(
    epochs_left, hypermodel, small_split, tmp_path
):
    # At this rate the validation loss rises again after some epochs.
    values = {"num_blocks": 1, "num_filters_1": 8, "dense_units": 32, "batch_size": 64, "learning_rate": 0.02}
    settings = TrainingSettings(epochs=30, schedule=Schedule.CONSTANT, patience=2, keep_best=True)
    plan = TrainingPlan(hyperparameters=hypermodel.check(values), settings=settings, seed=5)
    training, validation = small_split
    checkpoint = Checkpoint(folder=tmp_path / "checkpoint", seconds_apart=0.0)

    def run(checkpoint, on_epoch=lambda epoch: None):
        watch = Watch(on_epoch=on_epoch)
        return train(hypermodel, plan, training=training, validation=validation, watch=watch, checkpoint=checkpoint)

    whole = run(None)
    with pytest.raises(KeyboardInterrupt):
        run(checkpoint, on_epoch=interrupt_at(len(whole.epochs) + 1 - epochs_left))
    resumed = run(checkpoint)

    assert 8 < len(whole.epochs) < 30
    assert [epoch.val_loss for epoch in resumed.epochs] == [epoch.val_loss for epoch in whole.epochs]
    assert resumed.result_epoch == whole.result_epoch == len(whole.epochs) - 3
    for expected, weight in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True):
        assert np.array_equal(expected, weight)


@pytest.fixture
def saved(plan, hypermodel, tmp_path, make_epoch):
    """A checkpoint after two epochs of the plan."""
    model = hypermodel.build(hypermodel.hyperparameters(plan.hyperparameters))
    checkpoint = Checkpoint(folder=tmp_path / "checkpoint")
    for epochs in ([make_epoch()], [make_epoch(), make_epoch(loss=0.1)]):
        checkpoint.save(plan, model, epochs)
    return checkpoint


def test_what_was_saved_last_is_restored(plan, saved, make_epoch):
    restored = saved.restore(plan)
    assert restored.epochs == (make_epoch(), make_epoch(loss=0.1))
    assert restored.weights.is_file()


def test_older_weights_are_dropped(saved):
    assert sorted(path.name for path in saved.folder.iterdir()) == ["2.weights.h5", "progress.json"]


@pytest.mark.parametrize(
    "changes",
    [{"seed": 6}, {"settings": TrainingSettings(epochs=4)}, {"hyperparameters": {}}],
    ids=str,
)
def test_another_plan_starts_anew(plan, saved, changes):
    assert saved.restore(replace(plan, **changes)) is None


def test_without_a_checkpoint_nothing_is_restored(plan, tmp_path):
    assert Checkpoint(folder=tmp_path / "checkpoint").restore(plan) is None


def test_a_damaged_checkpoint_is_refused(plan, saved):
    (saved.folder / "progress.json").write_text("{")
    with pytest.raises(InputError, match=r"progress\.json can't be read as JSON"):
        saved.restore(plan)


@pytest.mark.parametrize(("key", "value"), [("epochs", 3), ("epochs", [{"loss": "x"}]), ("weights", 3)])
def test_progress_of_other_kinds_of_values_is_refused(saved, plan, key, value):
    path = saved.folder / "progress.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(
        InputError, match=r"progress\.json is not the progress of a training \(.*\): remove .* to train"
    ):
        saved.restore(plan)


def test_progress_without_epochs_is_refused(saved, plan):
    path = saved.folder / "progress.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({key: value for key, value in content.items() if key != "epochs"}))
    with pytest.raises(InputError, match=r"progress\.json lacks epochs"):
        saved.restore(plan)


def test_weights_that_were_half_written_do_not_matter(plan, saved):
    (saved.folder / "3.weights.h5").write_bytes(b"half")
    assert saved.restore(plan).weights.name == "2.weights.h5"


def test_clearing_removes_everything_and_may_be_repeated(saved):
    saved.clear()
    saved.clear()
    assert not saved.folder.exists()


@pytest.mark.slow
def test_a_moment_after_the_start_nothing_is_saved_yet(plan, hypermodel, small_split, tmp_path):
    checkpoint = Checkpoint(folder=tmp_path / "checkpoint", seconds_apart=1e6)
    plan = replace(plan, settings=replace(plan.settings, epochs=1))
    train(hypermodel, plan, training=small_split[0], validation=None, watch=Watch(), checkpoint=checkpoint)
    assert not checkpoint.folder.exists()


@pytest.mark.slow
@pytest.mark.parametrize("parts", [1, 3])
def test_a_training_that_paused_goes_on_to_the_same_weights_bit_for_bit(plan, hypermodel, small_split, tmp_path, parts):
    plan = replace(plan, settings=replace(plan.settings, keep_best=True, parts=parts))
    training, validation = small_split

    def run(until, checkpoint=None):
        watch = Watch(until=until)
        return train(hypermodel, plan, training=training, validation=validation, watch=watch, checkpoint=checkpoint)

    whole = run(None)
    expected = whole.model.get_weights()
    parts = [run(until, Checkpoint(folder=tmp_path / "a" / "state")) for until in (1, 3)]

    assert [len(part.epochs) for part in parts] == [1, 3]
    assert not any(part.stopped for part in parts)
    assert losses(parts[-1]) == losses(whole)
    assert parts[-1].result_epoch == whole.result_epoch
    for weight, found in zip(expected, parts[-1].model.get_weights(), strict=True):
        assert np.array_equal(weight, found)


@pytest.mark.slow
def test_what_may_not_be_trained_is_only_built(plan, hypermodel, small_split):
    watch = Watch(on_built=lambda built: False)
    outcome = train(hypermodel, plan, training=small_split[0], validation=None, watch=watch)

    assert (outcome.epochs, outcome.stopped, outcome.diverged) == ((), True, False)
    assert outcome.hyperparameters == plan.hyperparameters


class OwnTraining(kt.HyperModel):
    """A `fit` of its owner's, which notes from where to where it trained."""

    def __init__(self):
        self.ranges = []
        super().__init__()

    def build(self, hp):
        layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")]
        model = keras.Sequential([keras.Input((28, 28, 1)), *layers])
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    def fit(self, hp, model, *args, epochs, initial_epoch=0, **options):
        self.ranges.append((initial_epoch, epochs, int(model.optimizer.iterations)))
        return model.fit(*args, epochs=epochs, initial_epoch=initial_epoch, **options)


@pytest.mark.slow
def test_a_training_by_its_owner_s_fit_goes_on_where_it_paused(search_data, tmp_path):
    own = OwnTraining()
    builder = UserModel(own, search_data)
    plan = TrainingPlan(hyperparameters={}, settings=builder.trial_settings(4), seed=5)
    checkpoint = Checkpoint(folder=tmp_path / "state", seconds_apart=0.0)
    own.ranges.clear()

    first, second = (
        train(
            builder,
            plan,
            training=search_data.training,
            validation=search_data.validation,
            watch=Watch(until=until),
            checkpoint=checkpoint,
        )
        for until in (2, 4)
    )

    # 200 images in batches of 32: 7 steps an epoch.
    assert own.ranges == [(0, 2, 0), (2, 4, 14)]
    assert second.epochs[:2] == first.epochs
    assert len(second.epochs) == 4
