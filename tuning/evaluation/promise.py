"""Does a retrained model keep what its trial promised? Asked of the written file, before the test set is opened."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np

from tuning.data.dataset import Split
from tuning.data.search_data import sample
from tuning.evaluation.inference import predict_with
from tuning.records import TrialRecord
from tuning.runs.trained import Promise
from tuning.settings import Feed, Objective
from tuning.training.measuring import STANDARD_ERRORS, Measurement, measure

MOST_EXAMPLES = 2000
LEAST_LEARNED = 0.75
"""Of what a trial learned, as the share by which its error fell from that of new weights."""
LEAST_SCORE = 0.95
"""Of the score that a trial reached."""

_ACCURACY = Objective(name="val_accuracy", maximize=True)


@dataclass(frozen=True, kw_only=True)
class Promised:
    """The trainings of a trial, each with a result, and on how many examples they were measured."""

    curves: Sequence[TrialRecord]
    validation: int


def check_promise(
    model: keras.Model, feed: Feed, promised: Promised, *, trained_on: Split, load: Callable[[keras.Model], object]
) -> Promise | None:
    """Compare by the objective that the trials were ranked by, and where classes are shown by the accuracy, too.

    `model`: compiled as the trial's was, with new weights; `load` gives it those of the written file. `trained_on`: the
    examples that it was retrained on, of which it is asked 2,000 at most. The answer is about what it does not keep, or
    else about the objective; None where nothing can be compared, or too little.
    """
    few = sample(trained_on, MOST_EXAMPLES)
    objective = promised.curves[0].settings.objective
    untrained = measure(model, few, feed, objective)
    load(model)
    found = _compare(objective, measure(model, few, feed, objective), promised, untrained=untrained)
    if (found is None or found.is_kept) and few.shows_classes:
        accuracy = _compare(_ACCURACY, _measure_accuracy(model, few, feed), promised)
        if found is None or (accuracy is not None and not accuracy.is_kept):
            return accuracy
    return found


def _compare(
    objective: Objective, found: Measurement | None, promised: Promised, *, untrained: Measurement | None = None
) -> Promise | None:
    """Worse by more than chance explains, that of the examples and of seeds as far as they are known, and far from it.

    How far is far: trainings of one model with two seeds may well differ by more than the choice of the examples shows.
    """
    values = [trial.epochs[trial.result_epoch].value(objective.name) for trial in promised.curves]
    known = [value for value in values if value is not None and math.isfinite(value)]
    if found is None or not known:
        return None
    trial = float(np.mean(known))
    between = float(np.std(known, ddof=1)) if len(known) > 1 else 0.0
    error = math.hypot(found.standard_error, found.of(promised.validation), between)
    # A model that answers NaN is broken, however few the examples are.
    if math.isinf(error) and not math.isnan(found.value):
        return None
    far = (1 - LEAST_SCORE) * abs(trial)
    if not objective.maximize:
        learned = 0.0 if untrained is None else untrained.value - trial
        far = (1 - LEAST_LEARNED) * learned if math.isfinite(learned) and learned > 0 else 0.0
    # Written so that NaN does not keep it.
    is_kept = objective.rank(found.value) - objective.rank(trial) <= max(STANDARD_ERRORS * error, far)
    return Promise(
        objective=objective.name,
        trial=trial,
        retrained=found.value,
        standard_error=error,
        examples=found.examples,
        is_kept=is_kept,
    )


def _measure_accuracy(model: keras.Model, split: Split, feed: Feed) -> Measurement:
    predicted = predict_with(model, feed)(split.read()).argmax(axis=1)
    share = float((predicted == split.labels).mean())
    likely = (share * len(split) + 1) / (len(split) + 2)
    error = math.sqrt(likely * (1 - likely) / len(split))
    return Measurement(value=share, standard_error=error, examples=len(split))
