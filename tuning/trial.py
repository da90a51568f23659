"""Train one configuration: what every trial of a search runs, and what retraining runs."""

from __future__ import annotations

import math
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from tuning.builder import Built, ModelBuilder
from tuning.callbacks import BestWeights, EarlyStopping, LearningCurve, StopSignal, schedule_callbacks
from tuning.checkpoint import Checkpoint, EpochCheckpoint, Restored, load_trained_weights
from tuning.dataset import Split
from tuning.graph_memory import forget_graphs, own_gradients
from tuning.input_pipeline import steps_per_epoch, training_batches, validation_batches
from tuning.own_fit import class_weights, measured, with_results
from tuning.records import Epoch
from tuning.settings import Configuration, Objective, Plan, Schedule


@dataclass(frozen=True, kw_only=True)
class Watch:
    """How a caller follows a training: told of every epoch, asked after every step and every epoch whether to stop.

    `callbacks`: Keras callbacks of the caller's own, made anew for each training. `on_built`: told of the model before
    anything is trained; False trains nothing. `until`: the training pauses after so many epochs, those before it was
    paused or killed included, and keeps its state in the checkpoint; None: it does not.
    """

    on_epoch: Callable[[Epoch], None] = lambda epoch: None
    should_stop: Callable[[], bool] = lambda: False
    callbacks: Callable[[], Sequence[keras.callbacks.Callback]] = lambda: ()
    on_built: Callable[[Built], bool] = lambda built: True
    until: int | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Training:
    """A model as its training left it, and the hyperparameters that had an effect on it.

    `stopped`: the watch ended it early.
    """

    model: keras.Model
    hyperparameters: Configuration
    epochs: tuple[Epoch, ...]
    result_epoch: int
    stopped: bool

    @property
    def diverged(self) -> bool:
        """Whether a loss became NaN or infinite."""
        return not all(epoch.is_finite for epoch in self.epochs)


def train(
    builder: ModelBuilder,
    plan: Plan,
    *,
    training: Split,
    validation: Split | None,
    watch: Watch,
    checkpoint: Checkpoint | None = None,
) -> Training:
    """Build the plan's configuration and train it.

    Every random choice derives from `plan.seed`: on one machine with one number of threads the same plan and data
    give the same weights, bit for bit. `validation` None trains without; then nothing can stop early or be kept
    as best. With a `checkpoint`, goes on from what it holds of this plan, to the same weights that an uninterrupted
    training reaches. A builder's own fit is kept when it pauses only, and goes on from those weights as it sees fit.
    Frees the graphs of earlier trainings in this process. A loss that becomes NaN or infinite ends the training and
    shows in `diverged`. Raises InputError for hyperparameters that the builder does not take.
    """
    settings = plan.settings
    forget_graphs()
    keras.utils.set_random_seed(plan.seed)
    built = builder.built(plan)
    model = built.model
    peak = math.nan if settings.schedule is Schedule.CONSTANT else float(model.optimizer.learning_rate)
    restored = checkpoint.restore(plan) if checkpoint is not None else None
    before = () if restored is None else restored.epochs
    if not watch.on_built(built):
        return _training(builder, built, settings.objective, before, stopped=True)
    if restored is not None:
        restored.load_into(model)
    elif plan.initial_weights:
        load_trained_weights(model, Path(plan.initial_weights))
    last = settings.epochs if watch.until is None else min(watch.until, settings.epochs)
    epochs = range(plan.initial_epoch + len(before), last)
    curve = LearningCurve(watch.on_epoch, before=before)
    stop = StopSignal(watch.should_stop, last_epoch=last - 1)
    with tempfile.TemporaryDirectory() as folder, own_gradients():
        best = Path(folder) / "best.weights.h5"
        steps = steps_per_epoch(len(training), built.batch_size)
        callbacks = [*schedule_callbacks(settings, peak=peak, steps=steps, first_epoch=epochs.start), curve, stop]
        if validation is not None:
            callbacks += _validating(plan, restored, best)
        callbacks += watch.callbacks()
        if builder.own_fit is None:
            if checkpoint is not None:
                callbacks.append(EpochCheckpoint(checkpoint, plan, curve, until=watch.until, best_weights=best))
            _fit(built, plan, callbacks, epochs=epochs, training=training, validation=validation)
            reached = curve.epochs
        else:
            started = time.perf_counter()
            given = builder.own_fit.run(built, plan, callbacks, epochs=epochs, training=training, validation=validation)
            seconds, new = time.perf_counter() - started, curve.epochs[len(before) :]
            own = with_results(new, given, settings.objective, name=builder.name, seconds=seconds)
            if own.is_answer:
                best.unlink(missing_ok=True)
            reached = [*before, *own.epochs]
            if validation is not None and not own.is_answer and not best.exists():
                reached = measured(reached, built, validation)
            pauses = own.epochs and last < settings.epochs and not stop.stopped
            if checkpoint is not None and pauses and reached[-1].is_finite:
                checkpoint.save(plan, model, reached, best_weights=best)
        keeps_best = best.exists()
        if keeps_best:
            model.load_weights(str(best))
    return _training(builder, built, settings.objective, reached, stopped=stop.stopped, keeps_best=keeps_best)


def _training(
    builder: ModelBuilder,
    built: Built,
    objective: Objective,
    epochs: Sequence[Epoch],
    *,
    stopped: bool,
    keeps_best: bool = False,
) -> Training:
    return Training(
        model=built.model,
        hyperparameters=builder.used(built),
        epochs=tuple(epochs),
        result_epoch=best_epoch(epochs, objective) if keeps_best else max(len(epochs) - 1, 0),
        stopped=stopped,
    )


def _validating(plan: Plan, restored: Restored | None, best: Path) -> list[keras.callbacks.Callback]:
    """The callbacks that look at the objective: when to stop, and which epoch's weights to keep in `best`."""
    settings, objective = plan.settings, plan.settings.objective
    before = () if restored is None else restored.epochs
    callbacks: list[Any] = []
    if restored is not None and restored.best_weights is not None:
        shutil.copyfile(restored.best_weights, best)
    if settings.patience is not None:
        callbacks.append(EarlyStopping(objective=objective, patience=settings.patience, before=before))
    if settings.keep_best:
        callbacks.append(BestWeights(best, objective, before=before))
    return callbacks


def _fit(
    built: Built,
    plan: Plan,
    callbacks: Sequence[keras.callbacks.Callback],
    *,
    epochs: range,
    training: Split,
    validation: Split | None,
) -> None:
    settings, feed = plan.settings, built.feed
    built.model.fit(
        training_batches(
            training,
            batch_size=built.batch_size,
            seed=plan.seed,
            feed=feed,
            augmentation=settings.augmentation,
            first_epoch=epochs.start,
        ),
        steps_per_epoch=steps_per_epoch(len(training), built.batch_size),
        epochs=epochs.stop,
        initial_epoch=epochs.start,
        validation_data=None if validation is None else validation_batches(validation, feed=feed),
        class_weight=class_weights(training.labels) if settings.balance_classes else None,
        callbacks=list(callbacks),
        shuffle=False,
        verbose=0,
    )


def best_epoch(epochs: Sequence[Epoch], objective: Objective) -> int:
    """The index of the epoch with the best objective; the last one where none has a finite one."""
    ranked = [(index, epoch.value(objective.name)) for index, epoch in enumerate(epochs) if epoch.is_finite]
    reported = [(index, value) for index, value in ranked if value is not None and math.isfinite(value)]
    return min(reported, key=lambda pair: objective.rank(pair[1]))[0] if reported else len(epochs) - 1
