"""A training by its owner's own `fit`, and what the model that comes of it is worth."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras

from tuning.data.dataset import Split
from tuning.errors import InputError
from tuning.records import Epoch, best_epoch
from tuning.settings import Feed, Objective, TrainingPlan
from tuning.training.built import Built
from tuning.training.checkpoint import Checkpoint
from tuning.training.measuring import STANDARD_ERRORS, measure, report, with_report
from tuning.training.own_fit import OwnFit, with_results
from tuning.training.steps.averaging import averages


@dataclass(frozen=True, kw_only=True, eq=False)
class OwnTraining:
    """What there is to train.

    `callbacks`: handed to `fit`. `epochs`: the numbers of those to come; `before`: those that a restored training
    already had. `best`: the file that the best weights are kept in. `feed_of`: how examples are handed to a model.
    """

    own_fit: OwnFit
    built: Built
    plan: TrainingPlan
    callbacks: Sequence[keras.callbacks.Callback]
    epochs: range
    before: Sequence[Epoch]
    best: Path
    feed_of: Callable[[keras.Model], Feed]


@dataclass(frozen=True, kw_only=True)
class OwnTrainingResult:
    """The curve, the index of the epoch whose weights the model has, and what is to be known about its value."""

    epochs: tuple[Epoch, ...]
    result_epoch: int
    note: str = ""


def run_own_fit(
    asked: OwnTraining,
    *,
    training: Split,
    validation: Split | None,
    curve: Callable[[], Sequence[Epoch]],
    was_stopped: Callable[[], bool],
    checkpoint: Checkpoint | None,
) -> OwnTrainingResult:
    """Run it. `curve`: the epochs that a callback saw of the given model, restored ones included.

    What it returns counts, unless the model says something much worse to the validation images: k-fold with other
    models, a clone, or weights that were not given back leave a model that was not measured. Raises InputError for one
    that was not trained at all, and whatever `fit` raises.
    """
    own_fit, built, objective = asked.own_fit, asked.built, asked.plan.settings.objective
    before = fingerprint(built.model)
    started = time.perf_counter()
    given = own_fit.run(
        built, asked.plan, asked.callbacks, epochs=asked.epochs, training=training, validation=validation
    )
    seconds = time.perf_counter() - started
    if not own_fit.ranks_only and not was_stopped() and len(asked.epochs) and fingerprint(built.model) == before != "":
        raise InputError(
            f"fit of {own_fit.name} changes no trainable weight of the model that it is given, so what it returns says "
            "nothing about that model: train that model in it, or add `retrain_with_fit`, which ranks by what it "
            "returns and trains the winner by Keras's model.fit"
        )
    new = curve()[len(asked.before) :]
    own = with_results(new, given, objective, name=own_fit.name, seconds=seconds)
    epochs = [*asked.before, *own.epochs]
    is_best = asked.best.exists() and not own.is_answer and not averages(built.model)
    _keep_state(asked, epochs, checkpoint, is_best=is_best, goes_on=bool(own.epochs) and not was_stopped())
    if is_best:
        built.model.load_weights(str(asked.best))
    elif validation is not None and not own.is_answer and built.model.compiled:
        # Where `fit` chose its own callbacks it may have gone back to the weights of any epoch.
        epochs = with_report(epochs, report(built.model, validation, asked.feed_of(built.model)), seconds=seconds)
    index = best_epoch(epochs, objective) if is_best else max(len(epochs) - 1, 0)
    if validation is None or own_fit.ranks_only or not epochs:
        return OwnTrainingResult(epochs=tuple(epochs), result_epoch=index)
    return _compare(epochs, index, asked, validation)


def fingerprint(model: keras.Model) -> str:
    """The sha256 of all trainable weights; empty where there are none."""
    digest = hashlib.sha256()
    for variable in model.trainable_variables:
        digest.update(variable.numpy().tobytes())
    return digest.hexdigest() if model.trainable_variables else ""


def _keep_state(
    asked: OwnTraining, epochs: list[Epoch], checkpoint: Checkpoint | None, *, is_best: bool, goes_on: bool
) -> None:
    """Keep what a paused training continues from."""
    pauses = goes_on and asked.epochs.stop < asked.plan.settings.epochs
    if checkpoint is not None and pauses and epochs[-1].is_finite:
        best = asked.best if is_best else None
        checkpoint.save(asked.plan, asked.built.model, epochs, best_weights=best)


def _compare(epochs: list[Epoch], index: int, asked: OwnTraining, validation: Split) -> OwnTrainingResult:
    """The same; where the model itself is much worse than was said of it, its own value counts."""
    objective, model = asked.plan.settings.objective, asked.built.model
    claimed = epochs[index].value(objective.name)
    if claimed is None or not math.isfinite(claimed) or not model.compiled:
        return OwnTrainingResult(epochs=tuple(epochs), result_epoch=index)
    found = measure(model, validation, asked.feed_of(model), objective)
    if found is None or not _is_much_worse(found.value, claimed, found.standard_error, objective):
        return OwnTrainingResult(epochs=tuple(epochs), result_epoch=index)
    note = (
        f"its fit said {objective.name} {claimed:.4g}, but the model that it trained has {found.value:.4g} on the "
        "validation images, which counts"
    )
    corrected = [*epochs]
    corrected[index] = _with_value(epochs[index], objective, found.value)
    return OwnTrainingResult(epochs=tuple(corrected), result_epoch=index, note=note)


def _is_much_worse(value: float, claimed: float, standard_error: float, objective: Objective) -> bool:
    # Written so that NaN is worse than anything.
    return not objective.rank(value) - objective.rank(claimed) <= STANDARD_ERRORS * standard_error


def _with_value(epoch: Epoch, objective: Objective, value: float) -> Epoch:
    if objective.name == "val_loss":
        return dataclasses.replace(epoch, val_loss=value)
    if objective.name == "val_accuracy":
        return dataclasses.replace(epoch, val_accuracy=value)
    return dataclasses.replace(epoch, metrics={**epoch.metrics, objective.name: value})
