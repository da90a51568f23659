"""Does a retrained model keep what its trial promised? Asked of the written file, before the test set is opened."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from tuning.dataset import Split
from tuning.inference import predict_with
from tuning.measuring import STANDARD_ERRORS, Measured, measure
from tuning.records import TrialRecord
from tuning.search_data import sample
from tuning.settings import Feed, Objective
from tuning.trained import Promise

MOST_EXAMPLES = 2000

_ACCURACY = Objective(name="val_accuracy", maximize=True)


@dataclass(frozen=True, kw_only=True)
class Promised:
    """The trainings of a trial, each with a result, and on how many examples they were measured."""

    curves: Sequence[TrialRecord]
    validation: int


def check_promise(model: keras.Model, feed: Feed, promised: Promised, *, trained_on: Split) -> Promise | None:
    """Compare by the objective that the trials were ranked by; None where nothing can be compared, or too little.

    `model`: compiled as the trial's was, with the weights of the written file. `trained_on`: the examples that it was
    retrained on, of which it is asked 2,000 at most. Where the model does not report the objective, as after a training
    loop of the user's own, the accuracy is compared.
    """
    few = sample(trained_on, MOST_EXAMPLES)
    for objective, found in _measured(model, few, feed, promised.curves[0].settings.objective):
        values = [trial.epochs[trial.result_epoch].value(objective.name) for trial in promised.curves]
        known = [value for value in values if value is not None and math.isfinite(value)]
        if found is None or not known:
            continue
        mean = float(np.mean(known))
        error = math.hypot(found.standard_error, found.of(promised.validation))
        # A model that answers NaN is broken, however few the examples are.
        if math.isinf(error) and not math.isnan(found.value):
            continue
        # Written so that NaN does not keep it.
        is_kept = objective.rank(found.value) - objective.rank(mean) <= STANDARD_ERRORS * error
        return Promise(
            objective=objective.name,
            trial=mean,
            retrained=found.value,
            standard_error=error,
            examples=len(few),
            is_kept=is_kept,
        )
    return None


def _measured(
    model: keras.Model, split: Split, feed: Feed, objective: Objective
) -> Sequence[tuple[Objective, Measured | None]]:
    reported = measure(model, split, feed, objective)
    if reported is not None or not split.shows_classes:
        return [(objective, reported)]
    predicted = predict_with(model, feed)(split.read()).argmax(axis=1)
    share = float((predicted == split.labels).mean())
    likely = (share * len(split) + 1) / (len(split) + 2)
    error = math.sqrt(likely * (1 - likely) / len(split))
    return [(_ACCURACY, Measured(value=share, standard_error=error, examples=len(split)))]
