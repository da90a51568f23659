"""Trainings whose optimizer averages the weights: validated, kept and delivered are the same ones."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from tuning.data.search_data import SearchData
from tuning.models.user_model import UserModel, Wishes
from tuning.settings import TrainingPlan
from tuning.training.steps.averaging import POWER, PowerAverage, averages, delivered_weights
from tuning.training.train import Watch, train

pytestmark = pytest.mark.slow
optimizers = keras.optimizers
UNIT = Wishes(pixel_scale=(1 / 255, 0.0))


def slow_average(**options: Any) -> Any:
    return optimizers.Adam(0.003, use_ema=True, ema_momentum=0.99, **options)


class Own(optimizers.SGD):
    """Puts weights of its own in the model when a training ends."""

    def finalize_variable_values(self, var_list: Any) -> None:
        for variable in var_list:
            variable.assign(variable * 0.5)


OPTIMIZERS = {
    "averages": slow_average,
    "averages that overwrite": lambda: slow_average(ema_overwrite_frequency=3),
    "a scaled loss": lambda: optimizers.LossScaleOptimizer(slow_average()),
    "its own end": lambda: Own(0.05),
    "none": lambda: optimizers.Adam(0.003),
}


def build(optimizer: Any) -> keras.Model:
    stack = [keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")]
    model = keras.Sequential(stack)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def trained(data: SearchData, optimizer: Any, *, callbacks: Any = (), epochs: int = 3) -> Any:
    builder = UserModel(lambda hp: build(optimizer()), data, name="my.py:build", wishes=UNIT)
    plan = TrainingPlan(hyperparameters={}, settings=builder.trial_settings(epochs), seed=1)
    watch = Watch(callbacks=lambda: [make() for make in callbacks])
    return train(builder, plan, training=data.training, validation=data.validation, watch=watch)


def said(model: keras.Model, data: SearchData) -> float:
    images = data.validation.images.astype("float32") / 255
    return float(model.evaluate(images, data.validation.labels, verbose=0)[0])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_trial_is_ranked_by_the_weights_that_it_ends_with(name: str, search_data: SearchData) -> None:
    done = trained(search_data, OPTIMIZERS[name])

    assert said(done.model, search_data) == pytest.approx(done.epochs[done.result_epoch].val_loss, rel=1e-4)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_training_without_validation_delivers_what_its_trial_was_ranked_by(
    name: str, search_data: SearchData
) -> None:
    """As long as the last epoch was the best one, they are the same weights."""
    optimizer = OPTIMIZERS[name]
    builder = UserModel(lambda hp: build(optimizer()), search_data, name="my.py:build", wishes=UNIT)
    plan = TrainingPlan(hyperparameters={}, settings=builder.trial_settings(2), seed=1)
    ranked, delivered = (
        train(builder, plan, training=search_data.training, validation=validation, watch=Watch())
        for validation in (search_data.validation, None)
    )

    assert ranked.result_epoch == 1
    assert said(delivered.model, search_data) == pytest.approx(ranked.epochs[1].val_loss, rel=1e-4)


def test_averages_are_far_from_what_is_trained_early_on(search_data: SearchData) -> None:
    """Else these tests could not fail."""
    averaged, plain = (trained(search_data, OPTIMIZERS[name], epochs=1) for name in ("averages", "none"))

    assert averaged.epochs[0].val_loss > 1.3 * plain.epochs[0].val_loss


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_keras_s_own_callback_for_averages_is_let_do_its_work(swap_on_epoch: bool, search_data: SearchData) -> None:
    swapping = [lambda: keras.callbacks.SwapEMAWeights(swap_on_epoch=swap_on_epoch)]

    done = trained(search_data, OPTIMIZERS["averages"], callbacks=swapping)

    assert said(done.model, search_data) == pytest.approx(done.epochs[done.result_epoch].val_loss, rel=1e-4)


def test_the_trained_weights_are_back_afterwards_to_the_bit(search_data: SearchData) -> None:
    model = build(slow_average())
    model.fit(search_data.training.images / 255, search_data.training.labels, verbose=0, steps_per_epoch=2)
    model.set_weights([weight + 0.1 for weight in model.get_weights()])
    before = model.get_weights()

    with delivered_weights(model):
        inside = model.get_weights()

    assert all(np.array_equal(one, other) for one, other in zip(before, model.get_weights(), strict=True))
    assert not np.array_equal(before[0], inside[0])


def test_nothing_is_moved_where_there_are_no_averages() -> None:
    assert not averages(build(optimizers.Adam()))
    assert not averages(keras.Sequential([keras.layers.Dense(1)]))
    assert averages(build(optimizers.LossScaleOptimizer(slow_average())))
    with delivered_weights(build(slow_average())) as unbuilt:
        assert unbuilt is None


def test_a_power_average_weighs_the_latest_steps_most_however_many_there_are() -> None:
    model = build(optimizers.SGD(0.0))
    average = PowerAverage()
    average.set_model(model)
    average.on_train_begin()
    for step in range(1, 101):
        model.set_weights([np.full_like(weight, step) for weight in model.get_weights()])
        average.on_train_batch_end(step)

    # The mean of t under the density t^POWER on 0 to 100 is 100 (POWER + 1) / (POWER + 2).
    assert average.values[0] == pytest.approx(100 * (POWER + 1) / (POWER + 2), rel=0.01)
    assert model.get_weights()[0] == pytest.approx(100)

    average.on_train_end()

    assert model.get_weights()[0] == pytest.approx(average.values[0])


def test_a_trial_of_the_built_in_model_is_ranked_by_averages_and_ends_with_them(
    tiny: Any, search_data: SearchData
) -> None:
    settings = tiny.trial_settings(2)
    plan = TrainingPlan(hyperparameters=tiny.default_configuration(), settings=settings, seed=1)
    done = train(tiny, plan, training=search_data.training, validation=search_data.validation, watch=Watch())

    found = done.model.evaluate(search_data.validation.images, search_data.validation.labels, verbose=0)

    assert found[0] == pytest.approx(done.epochs[-1].val_loss, rel=1e-4)
