"""A killed training goes on to the weights that an uninterrupted one reaches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tuning.checkpoint import Checkpoint
from tuning.errors import InputError
from tuning.settings import Plan, Schedule, TrainingSettings
from tuning.trial import Watch, train


@pytest.fixture
def plan(hypermodel):
    """Augmentation, dropout, batch normalization, Adam and a schedule: everything that a checkpoint has to carry."""
    values = {"num_blocks": 1, "num_filters_1": 8, "dense_units": 32, "dropout": 0.3, "batch_size": 64}
    settings = TrainingSettings(epochs=3, augmentation=True)
    return Plan(hyperparameters=hypermodel.check(values), settings=settings, seed=5)


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
    plan = Plan(hyperparameters=hypermodel.check(values), settings=settings, seed=5)
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
    [{"seed": 6}, {"settings": TrainingSettings(epochs=4, augmentation=True)}, {"hyperparameters": {}}],
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
