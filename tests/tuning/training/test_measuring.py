"""How sure a measured value is, for any metric."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
from known_model import ACCURACY, AUC, FEED, known_model, share_right

from tuning.settings import VALIDATION_LOSS, Objective
from tuning.training.measuring import Measurement, measure

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return known_model()


@pytest.mark.parametrize("objective", [VALIDATION_LOSS, ACCURACY, AUC], ids=str)
def test_the_standard_error_is_that_between_samples(model: keras.Model, objective: Objective) -> None:
    whole = share_right(0.8, 4000)
    values = [
        measure(model, whole.take(np.random.default_rng(seed).integers(0, 4000, 400)), FEED, objective).value
        for seed in range(30)
    ]

    found = measure(model, whole.take(np.arange(400)), FEED, objective)

    assert np.std(values) / 2 < found.standard_error < 2 * np.std(values)
    assert found.of(1600) == pytest.approx(found.standard_error / 2)


def test_parts_that_are_alike_leave_the_error_of_one_more_that_is_wrong(model: keras.Model) -> None:
    found = measure(model, share_right(1.0), FEED, ACCURACY)

    assert found.value == 1.0
    assert 0.002 < found.standard_error < 0.005


def test_few_examples_say_nothing_for_sure(model: keras.Model) -> None:
    assert measure(model, share_right(0.5, 30), FEED, VALIDATION_LOSS).standard_error == math.inf


def test_what_is_not_reported_is_not_measured(model: keras.Model) -> None:
    assert measure(model, share_right(0.5), FEED, Objective(name="val_f1", maximize=True)) is None
    assert measure(keras.Sequential([keras.layers.Dense(1)]), share_right(0.5), FEED, ACCURACY) is None


def test_an_error_shrinks_with_more_examples() -> None:
    assert Measurement(value=0.5, standard_error=0.1, examples=100).of(400) == 0.05
