"""One task from its start to its end: what a worker does, and what this process does where there are no workers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import keras
import tensorflow as tf

from tuning.data.array_feeding import scale_pixels
from tuning.data.search_data import sample
from tuning.errors import UserCodeError
from tuning.executors.interface import EpochEnded, Lost, ModelBuilt, Task, TaskEnded, Workplace
from tuning.failures import describe_failure, traceback_of
from tuning.plugins.user_callbacks import make_callbacks
from tuning.records import Epoch
from tuning.settings import Configuration
from tuning.training.built import Built
from tuning.training.checkpoint import Checkpoint
from tuning.training.train import Training, Watch, train

OUT_OF_MEMORY = "it ran out of memory"


@dataclass(kw_only=True)
class RunningTask:
    """A task that runs.

    `tell` hands on a report of what happens in between; its answer is whether to go on. `should_stop` is asked after
    every step. `checkpoint`: where the task's state is kept.
    """

    workplace: Workplace
    task: Task
    checkpoint: Checkpoint
    tell: Callable[[ModelBuilt | EpochEnded], bool]
    should_stop: Callable[[], bool]
    _hyperparameters: Configuration | None = None
    _parameters: int = 0
    _macs: int | None = None
    _epochs: list[Epoch] = field(default_factory=list)
    _was_answered_no: bool = False

    def run(self) -> TaskEnded | Lost:
        """Train to the end of the task. Whatever goes wrong costs this task alone."""
        try:
            return self._end(self._train())
        except (MemoryError, tf.errors.ResourceExhaustedError):
            return Lost(task_id=self.task.task_id, reason=OUT_OF_MEMORY)
        # A user's code, and a framework, can fail in as many ways as there are; `exit()` is one of them.
        except (Exception, SystemExit) as error:  # noqa: BLE001
            reason = error.reason if isinstance(error, UserCodeError) else describe_failure(error)
            return self._fail(reason, traceback_of(error))

    def _train(self) -> Training:
        task = self.task
        restored = self.checkpoint.restore(task.plan)
        self._epochs = [] if restored is None else list(restored.epochs)
        watch = Watch(
            on_epoch=self._epoch_ended,
            should_stop=lambda: self._was_answered_no or self.should_stop(),
            callbacks=lambda: make_callbacks(self.workplace.factories, task.context),
            on_built=self._take_built,
            until=task.until,
        )
        training, validation = self.workplace.split(task.fold)
        return train(
            self.workplace.builder,
            task.plan,
            training=training,
            validation=validation,
            watch=watch,
            checkpoint=self.checkpoint,
        )

    def _take_built(self, built: Built) -> bool:
        self._hyperparameters = built.hyperparameters
        self._parameters = _parameters(built.model)
        if self.workplace.counts_macs:
            from tuning.training.model_costs import count_macs

            # A subclassed model does not declare what it takes.
            example = scale_pixels(sample(self.workplace.training, 1), built.feed)
            self._macs = count_macs(built.model, examples=example)
        goes_on = self.tell(ModelBuilt(task_id=self.task.task_id, parameters=self._parameters, macs=self._macs))
        return goes_on and not self.should_stop()

    def _epoch_ended(self, epoch: Epoch) -> None:
        self._epochs.append(epoch)
        goes_on = self.tell(EpochEnded(task_id=self.task.task_id, number=len(self._epochs), epoch=epoch))
        self._was_answered_no = not goes_on

    def _end(self, training: Training) -> TaskEnded:
        failure = f"the loss became NaN or infinite in epoch {len(training.epochs)}" if training.diverged else ""
        left_out = [name for name in self.task.plan.hyperparameters if name not in training.hyperparameters]
        if left_out and not training.stopped and not failure:
            failure = f"it did not ask for {', '.join(left_out)}, for which it asked when the configuration was drawn"
        return TaskEnded(
            task_id=self.task.task_id,
            hyperparameters=training.hyperparameters,
            epochs=training.epochs,
            result_epoch=training.result_epoch,
            parameters=_parameters(training.model),
            macs=self._macs,
            stopped=training.stopped,
            failure=failure,
            note=training.note,
        )

    def _fail(self, failure: str, traceback: str) -> TaskEnded:
        return TaskEnded(
            task_id=self.task.task_id,
            hyperparameters=self._hyperparameters,
            epochs=tuple(self._epochs),
            result_epoch=max(len(self._epochs) - 1, 0),
            parameters=self._parameters,
            macs=self._macs,
            stopped=False,
            failure=failure,
            traceback=traceback,
        )


def _parameters(model: keras.Model) -> int:
    return int(model.count_params()) if model.built else 0
