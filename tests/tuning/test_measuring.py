"""How sure a measured value is, for any metric; and whether a retrained model keeps what its trial promised."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import keras
import numpy as np
import pytest

from tuning.dataset import Split
from tuning.measuring import Measured, measure
from tuning.promise import MOST_EXAMPLES, Promised, check_promise
from tuning.settings import VALIDATION_LOSS, Feed, Objective

pytestmark = pytest.mark.slow
ACCURACY = Objective(name="val_accuracy", maximize=True)
AUC = Objective(name="val_auc", maximize=True)
FEED = Feed()


def share_right(share: float, count: int = 400) -> Split:
    """Examples of one number, of which so many carry the label that `model` gives them."""
    labels = np.arange(count) % 2
    shown = np.where(np.arange(count) < share * count, labels, 1 - labels)
    order = np.random.default_rng(0).permutation(count)
    return Split(images=shown[order].astype(np.float32)[:, None], labels=labels[order])


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """Says 1 where it sees 1, with probability 0.9."""
    made = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, activation="sigmoid")])
    made.compile("sgd", "binary_crossentropy", metrics=["accuracy", keras.metrics.AUC(name="auc")])
    logit = math.log(0.9 / 0.1)
    made.set_weights([np.array([[2 * logit]]), np.array([-logit])])
    return made


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


def promised(make_trial: Any, make_epoch: Any, objective: Objective, value: float) -> Any:
    epoch = make_epoch(val_loss=None, val_accuracy=None, metrics={})
    values = {objective.name: value} if objective is not AUC else {"metrics": {"val_auc": value}}
    trial = make_trial()
    return make_trial(
        epochs=(dataclasses.replace(epoch, **values),),
        settings=dataclasses.replace(trial.settings, objective=objective),
    )


@pytest.mark.parametrize(
    ("objective", "as_good", "much_better"),
    [(ACCURACY, 0.82, 0.97), (VALIDATION_LOSS, 0.5, 0.2), (AUC, 0.82, 0.99)],
    ids=str,
)
def test_a_promise_is_kept_within_chance_and_broken_beyond_it_for_any_metric(
    objective: Objective, as_good: float, much_better: float, model: Any, make_trial: Any, make_epoch: Any
) -> None:
    kept, broken = (
        check_promise(
            model,
            FEED,
            Promised(curves=[promised(make_trial, make_epoch, objective, value)], validation=1000),
            trained_on=share_right(0.8, 4000),
        )
        for value in (as_good, much_better)
    )

    assert (kept.is_kept, broken.is_kept) == (True, False)
    assert (broken.objective, broken.trial, broken.examples) == (objective.name, much_better, MOST_EXAMPLES)


def test_a_few_validation_images_promise_less(model: Any, make_trial: Any, make_epoch: Any) -> None:
    trial = promised(make_trial, make_epoch, ACCURACY, 0.97)

    found = check_promise(model, FEED, Promised(curves=[trial], validation=20), trained_on=share_right(0.8))

    assert found.is_kept


def test_nan_keeps_no_promise(make_trial: Any, make_epoch: Any, model: Any) -> None:
    broken = keras.models.clone_model(model)
    broken.compile("sgd", "binary_crossentropy")
    broken.set_weights([weight * math.nan for weight in model.get_weights()])

    found = check_promise(
        broken,
        FEED,
        Promised(curves=[promised(make_trial, make_epoch, VALIDATION_LOSS, 0.5)], validation=9),
        trained_on=share_right(0.8),
    )

    assert not found.is_kept


def test_the_mean_of_several_trainings_is_what_was_promised(model: Any, make_trial: Any, make_epoch: Any) -> None:
    curves = [promised(make_trial, make_epoch, ACCURACY, value) for value in (0.7, 0.9)]

    assert check_promise(
        model, FEED, Promised(curves=curves, validation=100), trained_on=share_right(0.8)
    ).trial == pytest.approx(0.8)


def test_without_anything_to_compare_there_is_no_answer(model: Any, make_trial: Any, make_epoch: Any) -> None:
    other = Objective(name="val_f1", maximize=True)
    trial = make_trial(settings=dataclasses.replace(make_trial().settings, objective=other))

    assert check_promise(model, FEED, Promised(curves=[trial], validation=100), trained_on=share_right(0.8)) is None


def test_a_model_that_reports_nothing_is_compared_by_its_accuracy(digits: Any, make_trial: Any) -> None:
    uncompiled = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])

    found = check_promise(
        uncompiled, FEED, Promised(curves=[make_trial(0.5)], validation=100), trained_on=digits.training
    )

    assert (found.objective, found.trial, found.is_kept) == ("val_accuracy", 0.75, False)


def test_an_error_shrinks_with_more_examples() -> None:
    assert Measured(value=0.5, standard_error=0.1, examples=100).of(400) == 0.05


def test_a_handful_of_examples_can_not_be_compared(model: Any, make_trial: Any, make_epoch: Any) -> None:
    trial = promised(make_trial, make_epoch, VALIDATION_LOSS, 0.1)

    assert check_promise(model, FEED, Promised(curves=[trial], validation=9), trained_on=share_right(0.5, 30)) is None
