"""Learning-rate schedules, the learning curve and the stop signal, on a model of one weight."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.settings import Schedule, TrainingSettings
from tuning.training.callbacks import (
    WARMUP_EPOCHS,
    WARMUP_SHARE,
    LearningCurve,
    RateByStep,
    StopSignal,
    schedule_callbacks,
    warmup_cosine,
)

pytestmark = pytest.mark.slow

STEPS = 5
PEAK = 0.4


@pytest.fixture(scope="module")
def model():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, activation="softmax")])
    model.compile(keras.optimizers.SGD(PEAK), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class Rates(keras.callbacks.Callback):
    """The learning rate of every step."""

    def __init__(self):
        super().__init__()
        self.of_steps = []

    def on_train_batch_end(self, batch, logs=None):
        self.of_steps.append(float(self.model.optimizer.learning_rate))


def fit(model, callbacks, *, epochs, initial_epoch=0, inputs=1.0):
    model.optimizer.learning_rate = PEAK
    data = {"x": np.full((STEPS, 1), inputs), "y": np.arange(STEPS) % 2}
    model.fit(**data, batch_size=1, epochs=epochs, initial_epoch=initial_epoch, callbacks=callbacks, verbose=0)


def rates_of(model, settings, *, first_epoch=0):
    rates = Rates()
    callbacks = schedule_callbacks(settings, peak=PEAK, steps=STEPS, first_epoch=first_epoch)
    fit(model, [*callbacks, rates], epochs=settings.epochs, initial_epoch=first_epoch)
    return rates.of_steps


@pytest.mark.parametrize(
    ("progress", "share"), [(0, 0), (WARMUP_SHARE / 2, 0.5), (WARMUP_SHARE, 1), (0.55, 0.5), (1, 0)]
)
def test_warmup_cosine_starts_at_0_peaks_after_a_tenth_and_ends_at_0(progress, share):
    assert warmup_cosine(progress) == pytest.approx(share, abs=1e-12)


@given(ends=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted))
def test_warmup_cosine_rises_up_to_its_peak_and_falls_from_there(ends):
    early, late = (warmup_cosine(WARMUP_SHARE * end) for end in ends)
    high, low = (warmup_cosine(WARMUP_SHARE + (1 - WARMUP_SHARE) * end) for end in ends)
    assert 0 <= early <= late <= 1
    assert 1 >= high >= low >= 0


def test_no_step_of_warmup_cosine_is_wasted_on_a_rate_of_0(model):
    rates = rates_of(model, TrainingSettings(epochs=4))
    assert len(rates) == 4 * STEPS
    assert min(rates) > 0
    assert max(rates) == pytest.approx(0.4, rel=0.02)
    assert rates[-1] < 0.4 * 0.02


def test_warmup_cosine_goes_on_where_an_interrupted_training_was(model):
    settings = TrainingSettings(epochs=3)
    assert rates_of(model, settings, first_epoch=1) == pytest.approx(rates_of(model, settings)[STEPS:])


def test_the_step_schedule_halves_the_rate_every_epoch(model):
    rates = rates_of(model, TrainingSettings(epochs=3, schedule=Schedule.STEP))
    assert rates == pytest.approx([0.4] * STEPS + [0.2] * STEPS + [0.1] * STEPS)


def test_the_constant_schedule_leaves_the_rate_alone(model):
    rates = rates_of(model, TrainingSettings(epochs=2, schedule=Schedule.CONSTANT))
    assert rates == pytest.approx([0.4] * 2 * STEPS)


def test_a_warm_up_may_lead_to_a_constant_rate(model):
    rates = rates_of(model, TrainingSettings(epochs=2, schedule=Schedule.WARMUP_CONSTANT))
    assert rates[0] == pytest.approx(0.4 / STEPS / WARMUP_EPOCHS)
    assert rates[2:] == pytest.approx([0.4] * (2 * STEPS - 2))
    assert rates == sorted(rates)


def test_a_rate_that_falls_late_is_constant_for_an_eighth_and_then_falls_to_0(model):
    rates = rates_of(model, TrainingSettings(epochs=10, schedule=Schedule.WARMUP_DECAY))
    assert rates[2 : 2 * STEPS] == pytest.approx([0.4] * (2 * STEPS - 2))
    falling = rates[2 * STEPS :]
    assert all(later < earlier for earlier, later in itertools.pairwise(falling))
    assert falling[len(falling) // 2] == pytest.approx(0.2, abs=0.02)
    assert 0 < rates[-1] < 0.01


@pytest.mark.parametrize("schedule", Schedule)
@pytest.mark.parametrize(("epochs", "longer"), [(2, 3), (8, 9), (9, 16)])
def test_up_to_where_it_matters_the_rate_is_the_same_in_a_longer_training(model, schedule, epochs, longer):
    short, long = (rates_of(model, TrainingSettings(epochs=number, schedule=schedule)) for number in (epochs, longer))
    same = int(min(schedule.fixed_epochs(epochs), epochs)) * STEPS
    assert long[:same] == pytest.approx(short[:same])
    assert schedule.fixed_epochs(longer) >= schedule.fixed_epochs(epochs)


def test_the_rate_is_that_of_the_step_whatever_the_optimizer_holds(model):
    rates = Rates()
    fit(model, [RateByStep(lambda step: 0.1 * step, first_step=2), rates], epochs=1)
    assert rates.of_steps == pytest.approx([0.1 * step for step in range(3, 3 + STEPS)])


def test_the_learning_curve_keeps_and_tells_every_epoch(model):
    told = []
    curve = LearningCurve(told.append)
    fit(model, [curve], epochs=3)
    assert len(told) == 3
    assert curve.epochs == told
    assert all(epoch.is_finite and epoch.val_loss is None and epoch.seconds > 0 for epoch in told)
    assert told[0].learning_rate == pytest.approx(0.4)


def test_the_learning_curve_of_a_restored_training_starts_with_what_it_had(model, make_epoch):
    told = []
    curve = LearningCurve(told.append, before=(make_epoch(loss=9.0),))
    fit(model, [curve], epochs=1)
    assert [epoch.loss for epoch in curve.epochs] == [9.0, told[0].loss]


def test_a_loss_that_is_not_finite_ends_the_training(model):
    curve = LearningCurve(lambda epoch: None)
    weights = model.get_weights()
    fit(model, [curve], epochs=5, inputs=np.nan)
    model.set_weights(weights)
    assert len(curve.epochs) == 1
    assert not curve.epochs[0].is_finite


def test_the_stop_signal_ends_the_training_after_the_step_in_which_it_was_given(model):
    rates = Rates()
    answers = iter([False, False, True])
    stop = StopSignal(lambda: next(answers))
    fit(model, [rates, stop], epochs=5)
    assert stop.stopped
    assert len(rates.of_steps) == 3


def test_a_signal_at_the_end_of_an_epoch_ends_the_training_there(model):
    rates = Rates()
    answers = iter([*[False] * (2 * STEPS + 1), True])
    stop = StopSignal(lambda: next(answers))
    fit(model, [rates, stop], epochs=5)
    assert stop.stopped
    assert len(rates.of_steps) == 2 * STEPS


def test_after_the_last_epoch_there_is_nothing_left_to_stop(model):
    answers = iter([*[False] * (2 * STEPS + 1), True])
    stop = StopSignal(lambda: next(answers), last_epoch=1)
    fit(model, [stop], epochs=2)
    assert not stop.stopped
    assert next(answers)


def test_without_a_signal_nothing_is_stopped(model):
    rates = Rates()
    stop = StopSignal(lambda: False)
    fit(model, [rates, stop], epochs=2)
    assert not stop.stopped
    assert len(rates.of_steps) == 2 * STEPS


@pytest.mark.parametrize("steps_done", [10, 5, 2])
def test_an_epoch_cut_short_says_how_long_a_whole_one_takes(model, steps_done):
    clock = iter([0.0, 0.0, *(7.0 + 2 * step for step in range(steps_done)), 7.0 + 2 * (steps_done - 1) + 2.0])
    curve = LearningCurve(lambda epoch: None, clock=lambda: next(clock))
    curve.set_model(model)
    curve.set_params({"steps": 10})

    curve.on_epoch_begin(0)
    for step in range(steps_done):
        curve.on_train_batch_end(step)
    curve.on_epoch_end(0, {"loss": 1.0, "accuracy": 0.5, "val_loss": 1.0, "val_accuracy": 0.5})

    # The first step took 7 seconds, each other one 2, the validation 2.
    assert curve.epochs[0].seconds == pytest.approx(10 * 2 + 2)


def test_the_seconds_of_an_epoch_leave_out_what_the_first_steps_wait_for(model):
    times = iter([0.0, 0.0, 50.0, 51.0, 91.0, 93.0, 100.0, 101.0, 102.0, 105.0])
    curve = LearningCurve(lambda epoch: None, clock=lambda: next(times))
    curve.set_model(model)
    curve.set_params({"steps": 2})

    for epoch in range(2):
        curve.on_epoch_begin(epoch)
        for step in range(2):
            curve.on_train_batch_end(step)
        for step in range(2):
            curve.on_test_batch_end(step)
        curve.on_epoch_end(epoch, {"loss": 1.0})

    # A step takes 1 second; the first epoch's validation 2 without its first step, the second one's 3.
    assert [epoch.seconds for epoch in curve.epochs] == [pytest.approx(2 + 2), pytest.approx(2 + 3)]
