"""One training: repeatable to the bit, stoppable, and honest about divergence."""

from __future__ import annotations

import math
from dataclasses import replace

import keras
import numpy as np
import pytest

from tuning.data.dataset import Split
from tuning.settings import Labels, Schedule, TrainingPlan, TrainingSettings
from tuning.training.input_pipeline import steps_per_epoch
from tuning.training.train import Watch, train


@pytest.fixture(scope="module")
def plan(tiny):
    settings = TrainingSettings(epochs=2)
    return TrainingPlan(
        hyperparameters=tiny.check({"learning_rate": 0.01, "pooling": "max"}), settings=settings, seed=5
    )


@pytest.fixture(scope="module")
def run(tiny, small_split):
    """Train a plan on 200 digits, validating on 100."""

    def call(plan, *, validation=small_split[1], watch=None, builder=tiny):
        watch = watch if watch is not None else Watch()
        return train(builder, plan, training=small_split[0], validation=validation, watch=watch)

    return call


@pytest.fixture(scope="module")
def usual(plan, run):
    """The plan's training and its weights."""
    training = run(plan)
    return training, training.model.get_weights()


@pytest.fixture(scope="module")
def misleading(small_split):
    """A validation set with every label wrong: the better the training, the higher its loss."""
    _, validation = small_split
    return Split(images=validation.images, labels=(validation.labels + 1) % 10)


def with_settings(plan, **changes):
    return replace(plan, settings=replace(plan.settings, **changes))


def equal_weights(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, {"augmentation": 1.0, "label_smoothing": 0.1}], ids=str)
def test_the_same_plan_gives_the_same_weights_bit_for_bit(plan, run, hypermodel, changes):
    plan = with_settings(replace(plan, hyperparameters={**plan.hyperparameters, **changes}), epochs=1)
    first, second = run(plan, builder=hypermodel), run(plan, builder=hypermodel)
    assert equal_weights(first.model.get_weights(), second.model.get_weights())
    assert first.epochs[0].val_loss == second.epochs[0].val_loss


@pytest.mark.slow
def test_parts_of_epochs_train_just_as_whole_ones_do(plan, run):
    plan = with_settings(plan, schedule=Schedule.WARMUP_CONSTANT, epochs=2)
    steps = steps_per_epoch(200, int(plan.hyperparameters["batch_size"]))
    whole = run(plan).model.get_weights()
    parts = run(with_settings(plan, epochs=2 * steps, parts=steps))
    assert len(parts.epochs) == 2 * steps
    assert equal_weights(whole, parts.model.get_weights())


@pytest.mark.slow
def test_another_seed_gives_other_weights(plan, run, usual):
    assert not equal_weights(run(replace(plan, seed=0)).model.get_weights(), usual[1])


@pytest.mark.slow
def test_training_learns_and_reports_every_epoch(plan, run):
    told = []
    training = run(with_settings(plan, epochs=8), watch=Watch(on_epoch=told.append))
    assert told == list(training.epochs)
    assert len(told) == 8
    assert told[-1].val_loss < told[0].val_loss
    assert told[-1].val_accuracy > 0.5
    assert (training.result_epoch, training.stopped, training.diverged) == (7, False, False)


@pytest.mark.slow
def test_a_stopped_training_is_still_validated(plan, run):
    training = run(plan, watch=Watch(should_stop=lambda: True))
    assert training.stopped
    assert len(training.epochs) == 1
    assert math.isfinite(training.epochs[0].val_loss)
    assert int(training.model.optimizer.iterations) == 1


@pytest.mark.slow
def test_nan_weights_are_found_out_in_the_first_epoch(plan, run):
    def spoil(built):
        built.model.set_weights([np.full_like(weight, np.nan) for weight in built.model.get_weights()])
        return True

    training = run(plan, watch=Watch(on_built=spoil))
    assert training.diverged
    assert len(training.epochs) == 1


@pytest.mark.slow
def test_the_best_epoch_is_kept_if_asked_for(plan, run, misleading):
    training = run(with_settings(plan, epochs=3, schedule=Schedule.CONSTANT, keep_best=True), validation=misleading)
    losses = [epoch.val_loss for epoch in training.epochs]
    measured = training.model.evaluate(misleading.images, misleading.labels, batch_size=500, verbose=0)[0]
    assert training.result_epoch == int(np.argmin(losses)) < 2
    assert measured == pytest.approx(min(losses), rel=1e-5)


@pytest.mark.slow
def test_the_last_epoch_is_kept_otherwise(plan, run, misleading):
    training = run(with_settings(plan, epochs=3, schedule=Schedule.CONSTANT), validation=misleading)
    measured = training.model.evaluate(misleading.images, misleading.labels, batch_size=500, verbose=0)[0]
    assert training.result_epoch == 2
    assert measured == pytest.approx(training.epochs[2].val_loss, rel=1e-5)


@pytest.mark.slow
def test_patience_ends_a_training_that_no_longer_improves(plan, run, misleading):
    settings = {"epochs": 20, "schedule": Schedule.CONSTANT, "patience": 1, "keep_best": True}
    training = run(with_settings(plan, **settings), validation=misleading)
    assert len(training.epochs) < 20
    assert training.result_epoch == len(training.epochs) - 2
    assert not training.stopped


@pytest.mark.slow
def test_one_hot_labels_train_the_same_model(plan, run, usual):
    one_hot = run(with_settings(plan, labels=Labels.ONE_HOT))
    expected = [epoch.val_loss for epoch in usual[0].epochs]
    # The two losses are the same number, computed in another order: float32 leaves about 1e-6 of difference a step.
    assert [epoch.val_loss for epoch in one_hot.epochs] == pytest.approx(expected, rel=1e-3)
    assert one_hot.model.loss == "categorical_crossentropy"


@pytest.mark.slow
def test_without_validation_there_is_nothing_to_stop_early_or_keep_as_best(plan, run):
    training = run(with_settings(plan, patience=0, keep_best=True), validation=None)
    assert [(epoch.val_loss, epoch.val_accuracy) for epoch in training.epochs] == [(None, None)] * 2
    assert (training.result_epoch, training.diverged) == (1, False)


@pytest.mark.slow
def test_the_step_schedule_is_carried_out(plan, run):
    training = run(with_settings(plan, schedule=Schedule.STEP))
    assert [epoch.learning_rate for epoch in training.epochs] == pytest.approx([0.01, 0.005])


@pytest.mark.slow
def test_the_model_is_built_for_the_plan_s_configuration(plan, run):
    model = run(
        replace(with_settings(plan, epochs=1), hyperparameters={**plan.hyperparameters, "pooling": "average"})
    ).model
    assert any(isinstance(layer, keras.layers.AveragePooling2D) for layer in model.layers)


@pytest.mark.slow
def test_an_interrupted_training_leaves_no_file_behind(plan, run, tmp_path, monkeypatch):
    def interrupt(epoch):
        raise KeyboardInterrupt

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        run(with_settings(plan, keep_best=True), watch=Watch(on_epoch=interrupt))
    assert list(tmp_path.iterdir()) == []
