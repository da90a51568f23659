"""Train one configuration: what every trial of a search runs, and what retraining runs."""

from __future__ import annotations

import contextlib
import math
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from tuning.data.dataset import Split
from tuning.environment.graph_memory import forget_graphs, own_gradients
from tuning.records import Epoch, best_epoch
from tuning.settings import Configuration, Schedule, TrainingPlan
from tuning.training.builder import ModelBuilder
from tuning.training.built import Built
from tuning.training.callbacks import BestWeights, EarlyStopping, LearningCurve, StopSignal, schedule_callbacks
from tuning.training.checkpoint import Checkpoint, EpochCheckpoint, Restored
from tuning.training.input_pipeline import steps_per_epoch, training_batches, validation_batches
from tuning.training.measuring import report, with_report
from tuning.training.own_training import OwnTraining, OwnTrainingResult, run_own_fit
from tuning.training.steps.averaging import PowerAverage, ValidatesDelivered
from tuning.training.steps.halves import in_halves
from tuning.training.weighing import spread_weights, weigh


@dataclass(frozen=True, kw_only=True)
class Watch:
    """How a caller follows a training: notified of every epoch, asked after every step and every epoch whether to stop.

    `callbacks`: Keras callbacks of the caller's own, made for each training. `on_built`: gets the model before
    anything is trained; False trains nothing. `until`: the training pauses after so many epochs, those before it was
    paused or killed included, and keeps its state in the checkpoint; None: it does not. `pauses`: asked after every
    epoch that is kept in a checkpoint whether to pause there.
    """

    on_epoch: Callable[[Epoch], None] = lambda epoch: None
    should_stop: Callable[[], bool] = lambda: False
    callbacks: Callable[[], Sequence[keras.callbacks.Callback]] = lambda: ()
    on_built: Callable[[Built], bool] = lambda built: True
    until: int | None = None
    pauses: Callable[[], bool] = lambda: False


@dataclass(frozen=True, kw_only=True, eq=False)
class Training:
    """A model as its training left it, and the hyperparameters that had an effect on it.

    `stopped`: the watch ended it early. `note`: what is to be known about its value, else empty.
    """

    model: keras.Model
    hyperparameters: Configuration
    epochs: tuple[Epoch, ...]
    result_epoch: int
    stopped: bool
    note: str = ""

    @property
    def diverged(self) -> bool:
        """Whether a loss became NaN or infinite."""
        return not all(epoch.is_finite for epoch in self.epochs)


def train(
    builder: ModelBuilder,
    plan: TrainingPlan,
    *,
    training: Split,
    validation: Split | None,
    watch: Watch,
    checkpoint: Checkpoint | None = None,
) -> Training:
    """Build the plan's configuration and train it.

    Every random choice derives from `plan.seed`: on one machine with one number of threads the same plan and data
    give the same weights, bit for bit. `validation` None trains without; then nothing can stop early or be kept
    as best. With a `checkpoint`, continues from what it holds of this plan, to the same weights that an uninterrupted
    training reaches. A builder's own fit is kept when it pauses only, and continues from those weights as it sees fit.
    Frees the graphs of earlier trainings in this process. A loss that becomes NaN or infinite ends the training and
    shows in `diverged`. Raises InputError for hyperparameters that the builder does not take.
    """
    settings = plan.settings
    forget_graphs()
    keras.utils.set_random_seed(plan.seed)
    built = builder.build_model(plan)
    model = built.model
    peak = math.nan if settings.schedule is Schedule.CONSTANT else float(model.optimizer.learning_rate)
    restored = checkpoint.restore(plan) if checkpoint is not None else None
    before = () if restored is None else restored.epochs
    if not watch.on_built(built):
        return _training(built, OwnTrainingResult(epochs=before, result_epoch=max(len(before) - 1, 0)), stopped=True)
    if restored is not None:
        restored.load_into(model)
    last = settings.epochs if watch.until is None else min(watch.until, settings.epochs)
    epochs = range(len(before), last)
    own_fit = None if settings.by_keras else builder.own_fit
    of = None if own_fit is None else model
    curve = LearningCurve(watch.on_epoch, before=before, of=of)
    stop = StopSignal(watch.should_stop, last_epoch=last - 1)
    asked = list(watch.callbacks())
    with tempfile.TemporaryDirectory() as folder, own_gradients():
        best = Path(folder) / "best.weights.h5"
        steps = steps_per_epoch(len(training), built.recipe.batch_size, parts=settings.parts)
        average = _make_average(built, settings.schedule, restored, step=steps * epochs.start)
        callbacks = [*schedule_callbacks(settings, peak=peak, steps=steps, first_epoch=epochs.start), curve, stop]
        # Keras's own callback for averages leaves it open which weights an epoch ends with.
        is_swapped = any(isinstance(callback, keras.callbacks.SwapEMAWeights) for callback in asked)
        if validation is not None:
            callbacks += _validating(plan, restored, best if not is_swapped else None, of=of, average=average)
        callbacks += asked
        if own_fit is not None:
            result = run_own_fit(
                OwnTraining(
                    own_fit=own_fit,
                    built=built,
                    plan=plan,
                    callbacks=callbacks,
                    epochs=epochs,
                    before=before,
                    best=best,
                    feed_of=builder.feed_of,
                ),
                training=training,
                validation=validation,
                curve=lambda: curve.epochs,
                was_stopped=lambda: stop.stopped,
                checkpoint=checkpoint,
            )
            return _training(built, result, stopped=stop.stopped)
        if checkpoint is not None:

            def pauses() -> bool:
                reached = len(curve.epochs)
                return reached < settings.epochs and (reached == watch.until or watch.pauses())

            callbacks.append(
                EpochCheckpoint(checkpoint, plan, curve, pauses=pauses, best_weights=best, average=average)
            )
        averaging = [] if average is None else [average]
        _fit(
            built,
            plan,
            callbacks if is_swapped else [*averaging, ValidatesDelivered(average), *callbacks],
            epochs=epochs,
            training=training,
            validation=validation,
        )
        reached: Sequence[Epoch] = curve.epochs
        keeps_best = best.exists()
        if keeps_best:
            model.load_weights(str(best))
        elif is_swapped and validation is not None:
            reached = with_report(reached, report(model, validation, built.feed))
    index = best_epoch(reached, settings.objective) if keeps_best else max(len(reached) - 1, 0)
    return _training(built, OwnTrainingResult(epochs=tuple(reached), result_epoch=index), stopped=stop.stopped)


def _training(built: Built, result: OwnTrainingResult, *, stopped: bool) -> Training:
    return Training(
        model=built.model,
        hyperparameters=built.hyperparameters,
        epochs=result.epochs,
        result_epoch=result.result_epoch,
        stopped=stopped,
        note=result.note,
    )


def _make_average(built: Built, schedule: Schedule, restored: Restored | None, *, step: int) -> PowerAverage | None:
    # A rate that falls to 0 from the start does the same.
    if not built.recipe.averages or schedule is Schedule.WARMUP_COSINE:
        return None
    return PowerAverage(step=step, values=() if restored is None else restored.averages)


def _validating(
    plan: TrainingPlan,
    restored: Restored | None,
    best: Path | None,
    *,
    of: keras.Model | None,
    average: PowerAverage | None,
) -> list[keras.callbacks.Callback]:
    """The callbacks that look at the objective: when to stop, and which epoch's weights to keep in `best`, if any."""
    settings, objective = plan.settings, plan.settings.objective
    before = () if restored is None else restored.epochs
    callbacks: list[Any] = []
    if best is not None and restored is not None and restored.best_weights is not None:
        shutil.copyfile(restored.best_weights, best)
    if settings.patience is not None:
        callbacks.append(EarlyStopping(objective=objective, patience=settings.patience, before=before))
    if settings.keep_best and best is not None:
        callbacks.append(BestWeights(best, objective, before=before, of=of, average=average))
    return callbacks


def _fit(
    built: Built,
    plan: TrainingPlan,
    callbacks: Sequence[keras.callbacks.Callback],
    *,
    epochs: range,
    training: Split,
    validation: Split | None,
) -> None:
    settings, feed = plan.settings, built.feed
    steps = steps_per_epoch(len(training), built.recipe.batch_size, parts=settings.parts)
    training, class_weight = weigh(training, balance_classes=settings.balance_classes)
    batches = training_batches(
        training,
        recipe=built.recipe,
        seed=plan.seed,
        feed=feed,
        first_step=steps * epochs.start,
        weights=spread_weights(training, built),
    )
    with in_halves(built.model) if settings.halves else contextlib.nullcontext():
        built.model.fit(
            batches,
            steps_per_epoch=steps,
            epochs=epochs.stop,
            initial_epoch=epochs.start,
            validation_data=None if validation is None else validation_batches(validation, feed=feed),
            class_weight=class_weight,
            callbacks=list(callbacks),
            shuffle=False,
            verbose=0,
        )
