"""One conformance suite for every metric of the built-in model."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from tuning.found import names_in
from tuning.ranking import metrics
from tuning.ranking.metric import make_metrics, reported_names
from tuning.ranking.objective import parse_objective
from tuning.settings import VALIDATION_LOSS, Labels, TrainingPlan
from tuning.training.train import Watch, train

METRICS = names_in(metrics.__name__)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("labels", Labels)
def test_a_metric_is_reported_in_training_and_in_validation(tiny, search_data, name, labels):
    objective = parse_objective(f"val_{name}")
    settings = dataclasses.replace(tiny.trial_settings(1), objective=objective, labels=labels)
    plan = TrainingPlan(hyperparameters=tiny.default_configuration(), settings=settings, seed=1)
    few = search_data.validation.take(np.arange(64))

    epoch = train(tiny, plan, training=few, validation=few, watch=Watch()).epochs[-1]

    assert all(math.isfinite(epoch.value(each)) for each in (name, f"val_{name}"))


def test_a_search_can_be_ranked_by_each():
    assert {"loss", "val_loss", *METRICS, *(f"val_{name}" for name in METRICS)} == set(reported_names())


def test_a_model_is_compiled_with_accuracy_and_no_metric_that_was_not_asked_for():
    assert make_metrics(VALIDATION_LOSS, Labels.INTEGER) == ["accuracy"]
