"""Whether a retrained model keeps what its trial promised, for any metric."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from known_model import ACCURACY, AUC, FEED, known_model, share_right

from tuning.evaluation.promise import MOST_EXAMPLES, Promised, check_promise
from tuning.records import TrialRecord
from tuning.runs.trained import Promise
from tuning.settings import VALIDATION_LOSS, Objective

pytestmark = pytest.mark.slow
Trial = Callable[..., TrialRecord]


@pytest.fixture
def trial(make_trial: Any, make_epoch: Any) -> Trial:
    """`trial(objective, value)`: a trial that reached this value."""

    def make(objective: Objective, value: float) -> TrialRecord:
        epoch = make_epoch(val_loss=None, val_accuracy=None, metrics={})
        values = {"metrics": {"val_auc": value}} if objective is AUC else {objective.name: value}
        settings = dataclasses.replace(make_trial().settings, objective=objective)
        return make_trial(epochs=(dataclasses.replace(epoch, **values),), settings=settings)

    return make


def check(trials: list[TrialRecord], *, validation: int, on: Any = None, retrained: Any = None) -> Promise | None:
    """Ask a model that was untrained before; `retrained`: its weights, if not those of the known model."""
    model = known_model()
    weights = model.get_weights() if retrained is None else retrained
    model.set_weights([0 * weight for weight in model.get_weights()])
    return check_promise(
        model,
        FEED,
        Promised(curves=trials, validation=validation),
        trained_on=share_right(0.8, 4000) if on is None else on,
        load=lambda loaded: loaded.set_weights(weights),
    )


@pytest.mark.parametrize(
    ("objective", "as_good", "much_better"),
    [(ACCURACY, 0.82, 0.97), (VALIDATION_LOSS, 0.5, 0.2), (AUC, 0.82, 0.99)],
    ids=str,
)
def test_a_promise_is_kept_within_chance_and_broken_beyond_it_for_any_metric(
    objective: Objective, as_good: float, much_better: float, trial: Trial
) -> None:
    kept, broken = (check([trial(objective, value)], validation=1000) for value in (as_good, much_better))

    assert kept is not None
    assert broken is not None
    assert (kept.is_kept, broken.is_kept) == (True, False)
    assert (broken.objective, broken.trial, broken.examples) == (objective.name, much_better, MOST_EXAMPLES)


def test_a_few_validation_images_promise_less(trial: Trial) -> None:
    found = check([trial(ACCURACY, 0.97)], validation=20, on=share_right(0.8))

    assert found is not None
    assert found.is_kept


def test_an_error_that_is_nearly_as_far_from_new_weights_is_no_other_one(trial: Trial) -> None:
    """Errors of two seeds differ by more than the examples show; new weights have a loss of 0.69, these of 0.54."""
    kept, broken = (check([trial(VALIDATION_LOSS, value)], validation=10**6) for value in (0.5, 0.48))

    assert kept is not None
    assert broken is not None
    assert (kept.is_kept, broken.is_kept) == (True, False)


def test_a_score_that_is_nearly_as_high_is_no_other_one(trial: Trial) -> None:
    kept, broken = (check([trial(ACCURACY, value)], validation=10**6) for value in (0.83, 0.87))

    assert kept is not None
    assert broken is not None
    assert (kept.is_kept, broken.is_kept) == (True, False)


def test_an_error_that_is_as_low_does_not_hide_classes_that_are_wrong(digits: Any, trial: Trial) -> None:
    seen = digits.training.take(np.arange(500))
    model = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    promised = trial(VALIDATION_LOSS, 500.0)
    epochs = tuple(dataclasses.replace(epoch, val_accuracy=0.95) for epoch in promised.epochs)
    promised = dataclasses.replace(promised, epochs=epochs)

    found = check_promise(
        model, FEED, Promised(curves=[promised], validation=500), trained_on=seen, load=lambda loaded: loaded
    )

    assert found is not None
    assert (found.objective, found.is_kept) == ("val_accuracy", False)


def test_trainings_that_differ_promise_less(trial: Trial) -> None:
    trials = [trial(ACCURACY, value) for value in (0.99, 0.85)]

    found = check(trials, validation=10**6)

    assert found is not None
    assert found.is_kept
    assert found.trial == pytest.approx(0.92)
    assert found.standard_error > 0.09


def test_nan_keeps_no_promise(trial: Trial) -> None:
    weights = [weight * math.nan for weight in known_model().get_weights()]

    found = check([trial(VALIDATION_LOSS, 0.5)], validation=9, on=share_right(0.8), retrained=weights)

    assert found is not None
    assert not found.is_kept


def test_without_anything_to_compare_there_is_no_answer(trial: Trial) -> None:
    other = Objective(name="val_f1", maximize=True)
    without = trial(ACCURACY, 0.9)

    assert (
        check(
            [dataclasses.replace(without, settings=dataclasses.replace(without.settings, objective=other))],
            validation=100,
        )
        is None
    )


def test_a_model_that_reports_nothing_is_compared_by_its_accuracy(digits: Any, make_trial: Any) -> None:
    uncompiled = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])

    found = check_promise(
        uncompiled,
        FEED,
        Promised(curves=[make_trial(0.5)], validation=100),
        trained_on=digits.training,
        load=lambda loaded: loaded,
    )

    assert found is not None
    assert (found.objective, found.trial, found.is_kept) == ("val_accuracy", 0.75, False)


def test_a_handful_of_examples_can_not_be_compared(trial: Trial) -> None:
    assert check([trial(VALIDATION_LOSS, 0.1)], validation=9, on=share_right(0.5, 30)) is None
