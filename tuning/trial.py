"""Train one configuration: what every trial of a search runs, and what retraining runs."""

from __future__ import annotations

import gc
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras

from tuning.callbacks import EarlyStopping, LearningCurve, StopSignal, schedule_callbacks
from tuning.checkpoint import Checkpoint, EpochCheckpoint, load_trained_weights
from tuning.dataset import Split
from tuning.hypermodel import TunableClassifier
from tuning.input_pipeline import steps_per_epoch, training_batches, validation_batches
from tuning.records import Epoch, Plan


@dataclass(frozen=True, kw_only=True)
class Watch:
    """How a caller follows a training: told of every epoch, asked after every step whether to stop."""

    on_epoch: Callable[[Epoch], None] = lambda epoch: None
    should_stop: Callable[[], bool] = lambda: False


@dataclass(frozen=True, kw_only=True, eq=False)
class Training:
    """A model as its training left it. `stopped`: the watch ended it early."""

    model: keras.Model
    epochs: tuple[Epoch, ...]
    result_epoch: int
    stopped: bool

    @property
    def diverged(self) -> bool:
        """Whether a loss became NaN or infinite."""
        return not all(epoch.is_finite for epoch in self.epochs)


def train(
    hypermodel: TunableClassifier,
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
    training reaches. Frees the graphs of earlier trainings in this process. A loss that becomes NaN or infinite ends
    the training and shows in `diverged`. Raises InputError for hyperparameters that the model builder does not take.
    """
    settings = plan.settings
    keras.utils.clear_session()
    gc.collect()
    keras.utils.set_random_seed(plan.seed)
    model = hypermodel.with_labels(settings.labels).build(hypermodel.hyperparameters(plan.hyperparameters))
    peak = float(model.optimizer.learning_rate)
    restored = checkpoint.restore(plan) if checkpoint is not None else None
    first_epoch = plan.initial_epoch if restored is None else plan.initial_epoch + len(restored.epochs)
    if restored is not None:
        restored.load_into(model)
    elif plan.initial_weights:
        load_trained_weights(model, Path(plan.initial_weights))
    batch_size = hypermodel.batch_size(plan.hyperparameters)
    feed = hypermodel.feed(settings.labels)
    steps = steps_per_epoch(len(training), batch_size)
    before = () if restored is None else restored.epochs
    curve = LearningCurve(watch.on_epoch, before=before)
    stop = StopSignal(watch.should_stop)
    with tempfile.TemporaryDirectory() as folder:
        best = Path(folder) / "best.weights.h5"
        if restored is not None and restored.best_weights is not None:
            shutil.copyfile(restored.best_weights, best)
        callbacks = [*schedule_callbacks(settings, peak=peak, steps=steps, first_epoch=first_epoch), curve, stop]
        if validation is not None and settings.patience is not None:
            callbacks.append(EarlyStopping(patience=settings.patience, before=before))
        if validation is not None and settings.keep_best:
            lowest = min((epoch.val_loss for epoch in before if epoch.val_loss is not None), default=None)
            callbacks.append(
                keras.callbacks.ModelCheckpoint(
                    str(best), save_best_only=True, save_weights_only=True, initial_value_threshold=lowest
                )
            )
        if checkpoint is not None:
            callbacks.append(EpochCheckpoint(checkpoint, plan, curve, best_weights=best))
        model.fit(
            training_batches(
                training,
                batch_size=batch_size,
                seed=plan.seed,
                feed=feed,
                augmentation=settings.augmentation,
                first_epoch=first_epoch,
            ),
            steps_per_epoch=steps,
            epochs=settings.epochs,
            initial_epoch=first_epoch,
            validation_data=None if validation is None else validation_batches(validation, feed=feed),
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        )
        if best.exists():
            model.load_weights(str(best))
    return Training(
        model=model,
        epochs=tuple(curve.epochs),
        result_epoch=_result_epoch(curve.epochs, keeps_best=settings.keep_best and validation is not None),
        stopped=stop.stopped,
    )


def _result_epoch(epochs: list[Epoch], *, keeps_best: bool) -> int:
    finite = [index for index, epoch in enumerate(epochs) if epoch.val_loss is not None and epoch.is_finite]
    if not keeps_best or not finite:
        return len(epochs) - 1
    return min(finite, key=lambda index: float(epochs[index].val_loss or 0.0))
