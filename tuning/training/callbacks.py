"""What is done during a training: the learning rate's schedule, the learning curve, the stop signal."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from tuning.records import Epoch
from tuning.settings import Objective, Schedule, TrainingSettings
from tuning.training.steps.averaging import PowerAverage, delivered_weights

WARMUP_SHARE = 0.1
WARMUP_EPOCHS = 0.3
STEP_FACTOR = 0.5
ACCURACY_NAMES = ("accuracy", "acc", "sparse_categorical_accuracy", "categorical_accuracy", "binary_accuracy")


def warmup_cosine(progress: float) -> float:
    """Share of the peak learning rate at `progress`, 0 to 1: a linear warm-up for a tenth, then half a cosine.

    Cosine annealing without restarts: Loshchilov and Hutter, SGDR, ICLR 2017. Warm-up: Goyal et al., 2017.
    """
    if progress < WARMUP_SHARE:
        return progress / WARMUP_SHARE
    return 0.5 * (1 + math.cos(math.pi * (progress - WARMUP_SHARE) / (1 - WARMUP_SHARE)))


def warmup_constant(epochs: float) -> float:
    """Share of the peak learning rate after so many epochs, which may be a fraction: a linear warm-up, then all."""
    return min(epochs / WARMUP_EPOCHS, 1.0)


def late_cosine(step: int, *, steps: int, falls_after: float) -> float:
    """Share of the peak learning rate at a step, from 1 on, of so many: all of it up to one, then half a cosine.

    Up to there a training is the same whatever its length, so that this can be decided on when its speed is known.
    """
    fallen = max(step - falls_after, 0.0) / (steps + 1 - falls_after)
    return 0.5 * (1 + math.cos(math.pi * fallen))


class RateByStep(keras.callbacks.Callback):
    """Sets the learning rate before every step: `rate_at` the number of that step, from 1 on."""

    def __init__(self, rate_at: Callable[[int], float], *, first_step: int = 0) -> None:
        super().__init__()
        self._rate_at = rate_at
        self._step = first_step

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._step += 1
        self.model.optimizer.learning_rate = self._rate_at(self._step)


def schedule_callbacks(
    settings: TrainingSettings, *, peak: float, steps: int, first_epoch: int
) -> list[keras.callbacks.Callback]:
    """The callbacks that move the learning rate as `settings.schedule` says; `steps` per epoch, of which
    `settings.parts` show every image once.

    `peak` is the rate that the model was compiled with; its optimizer may hold another one, restored from a file.
    """
    first, last = steps * first_epoch, steps * settings.epochs
    if settings.schedule is Schedule.WARMUP_COSINE:
        return [RateByStep(lambda step: peak * warmup_cosine(step / (last + 1)), first_step=first)]
    if settings.schedule is Schedule.WARMUP_CONSTANT:
        return [RateByStep(lambda step: peak * warmup_constant(step / (steps * settings.parts)), first_step=first)]
    if settings.schedule is Schedule.WARMUP_DECAY:
        falls_after = steps * settings.schedule.fixed_epochs(settings.epochs)

        def rate_at(step: int) -> float:
            warm = warmup_constant(step / (steps * settings.parts))
            return peak * min(warm, late_cosine(step, steps=last, falls_after=falls_after))

        return [RateByStep(rate_at, first_step=first)]
    if settings.schedule is Schedule.STEP:
        return [keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate if epoch == 0 else rate * STEP_FACTOR)]
    return []


def epoch_from_logs(logs: Mapping[str, Any], *, learning_rate: float, seconds: float) -> Epoch:
    """An epoch from what Keras reports at its end; the accuracy may go by any of the names that Keras has for it."""
    values = {name: float(value) for name, value in logs.items()}
    named: dict[str, float | None] = {}
    for prefix in ("", "val_"):
        named[f"{prefix}loss"] = values.pop(f"{prefix}loss", None)
        reported = [values[f"{prefix}{name}"] for name in ACCURACY_NAMES if f"{prefix}{name}" in values]
        named[f"{prefix}accuracy"] = reported[0] if reported else None
        values.pop(f"{prefix}accuracy", None)
    return Epoch(**named, learning_rate=learning_rate, seconds=seconds, metrics=values)


def trains(model: keras.Model, part: keras.Model | None) -> bool:
    """Whether a training of `model` trains `part`: itself, or a model within it. True where there is no part."""
    if part is None or model is part:
        return True
    own = {id(variable) for variable in model.trainable_variables}
    return any(id(variable) in own for variable in part.trainable_variables)


class LearningCurve(keras.callbacks.Callback):
    """Keeps every epoch and reports it to `on_epoch`; ends the training when a loss is not finite.

    Its seconds are those of an epoch like all others: the first steps, which wait for their graphs, are left out.

    `of`: trainings of other models, as a fit of the user's own may run, do not count; None: all count.
    """

    def __init__(
        self,
        on_epoch: Callable[[Epoch], None],
        *,
        before: Sequence[Epoch] = (),
        of: keras.Model | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`before`: the epochs that a restored training already had."""
        super().__init__()
        self.epochs: list[Epoch] = list(before)
        self._on_epoch = on_epoch
        self._of = of
        self._clock = clock
        self._started = self._trained = clock()
        self._steps = 0
        self._traced = self._traced_validation = False

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._started = self._trained = self._clock()
        self._steps = 0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._trained = self._clock()
        if self._traced:
            self._steps += 1
        else:
            self._traced = True
            self._started = self._trained

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if not self._traced_validation:
            self._traced_validation = True
            traced = self._clock() - self._trained
            self._started += traced
            self._trained += traced

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if not trains(self.model, self._of):
            return
        rate = float(self.model.optimizer.learning_rate) if getattr(self.model, "optimizer", None) is not None else 0.0
        self.epochs.append(epoch_from_logs(logs or {}, learning_rate=rate, seconds=self._seconds()))
        self._on_epoch(self.epochs[-1])
        if not self.epochs[-1].is_finite:
            self.model.stop_training = True

    def _seconds(self) -> float:
        """Of a whole epoch, also where the training was stopped within one: its steps count for those left out."""
        training, validation = self._trained - self._started, self._clock() - self._trained
        # A training loop of the user's own need not say how many steps an epoch has.
        steps: int = (self.params or {}).get("steps") or self._steps
        return training + validation + training / max(self._steps, 1) * (steps - self._steps)


class EarlyStopping(keras.callbacks.EarlyStopping):
    """Keras's own, on the objective; a restored training continues with the patience that was left."""

    def __init__(self, *, objective: Objective, patience: int, before: Sequence[Epoch] = ()) -> None:
        """`before`: the epochs that a restored training already had."""
        super().__init__(monitor=objective.name, mode=objective.direction, patience=patience)
        self._before = before

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        super().on_train_begin(logs)
        for number, epoch in enumerate(self._before):
            super().on_epoch_end(number, {self.monitor: epoch.value(self.monitor)})

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_epoch_end(epoch, {self.monitor: _value_in(logs, self.monitor)})


class BestWeights(keras.callbacks.Callback):
    """Writes the weights after every epoch that has a better objective than all before it.

    They are those that the training would deliver if it ended there. `of`: as that of `LearningCurve`; its weights
    are written, also where a model around it is trained. Keras's ModelCheckpoint knows a metric by one of its names
    only, and keeps every epoch where it finds none.
    """

    def __init__(
        self,
        path: Path,
        objective: Objective,
        *,
        before: Sequence[Epoch] = (),
        of: keras.Model | None = None,
        average: PowerAverage | None = None,
    ) -> None:
        """`before`: the epochs that a restored training already had."""
        super().__init__()
        self._path, self._objective, self._of, self._average = path, objective, of, average
        ranks = [objective.rank(value) for epoch in before if (value := epoch.value(objective.name)) is not None]
        self._lowest = min(ranks, default=math.inf)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        value = _value_in(logs, self._objective.name)
        if value is None or not self._objective.rank(value) < self._lowest or not trains(self.model, self._of):
            return
        self._lowest = self._objective.rank(value)
        with delivered_weights(self.model, self._average):
            (self.model if self._of is None else self._of).save_weights(self._path)


def _value_in(logs: Mapping[str, Any] | None, name: str) -> float | None:
    return epoch_from_logs(logs or {}, learning_rate=0.0, seconds=0.0).value(name)


class StopSignal(keras.callbacks.Callback):
    """Ends the training after the current step or epoch once `should_stop` says so.

    An epoch that is left within is still validated.
    """

    def __init__(self, should_stop: Callable[[], bool], *, last_epoch: int | None = None) -> None:
        """`last_epoch`: the index of the epoch after which the training ends anyway."""
        super().__init__()
        self.stopped = False
        self._should_stop = should_stop
        self._last_epoch = last_epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._ask()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if epoch != self._last_epoch and not self.model.stop_training:
            self._ask()

    def _ask(self) -> None:
        if not self.stopped and self._should_stop():
            self.stopped = True
            self.model.stop_training = True
