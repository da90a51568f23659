"""The training of a run's one model, which continues where it was killed and ends when its time is up."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tuning._retrain import train_and_save
from tuning.data.dataset import Split
from tuning.errors import InputError, TrainingError
from tuning.evaluation.promise import Promised
from tuning.failures import describe_failure
from tuning.lifecycle.run_work import Retraining, RunWork, Stage, TrainingPart
from tuning.loop.budget import Budget
from tuning.plugins.user_callbacks import RETRAINING, TrialContext, make_callbacks
from tuning.records import Epoch
from tuning.runs.run_record import RunRecord, RunStatus, SearchRun
from tuning.runs.trained import TrainedModel
from tuning.settings import TrainingPlan
from tuning.training.checkpoint import Checkpoint
from tuning.training.train import Watch, train


def train_run_model(
    work: RunWork,
    record: RunRecord,
    plan: TrainingPlan,
    *,
    promised: Promised | None = None,
    part: TrainingPart | None = None,
    limit: Budget | None = None,
) -> TrainedModel:
    """Train and save the run's model, from the epoch that was reached before.

    With a `limit` the training ends when that is over, but not before its first epoch. Raises TrainingError, with the
    run FAILED on record, if there is no model to save.
    """
    part = part if part is not None else TrainingPart(wanted=plan.settings.epochs)
    with _following(work, record, plan, part, ends_in_time=limit is not None) as following:
        epochs = list(following.before)

        def on_epoch(epoch: Epoch) -> None:
            epochs.append(epoch)
            following.tell(epoch)

        def should_stop() -> bool:
            return limit is not None and bool(epochs) and limit.is_over()

        watch = Watch(on_epoch=on_epoch, should_stop=should_stop, callbacks=following.callbacks)
        return train_and_save(
            work.builder, plan, work.folder, examples=following.examples, watch=watch, promised=promised
        )


def train_until_end_is_fixed(
    work: RunWork, record: RunRecord, plan: TrainingPlan, *, wanted: int, limit: Budget
) -> int | None:
    """Train as long as it need not be known how many epochs there are in all, and return that number; None if it is.

    By then what an epoch takes is known from those before. The state is kept for `train_run_model`. Raises as that
    does.
    """
    schedule, most = plan.settings.schedule, plan.settings.epochs
    until = schedule.fixed_epochs(most)
    restored = Checkpoint(folder=work.folder.checkpoint).restore(plan)
    if math.isinf(until) or (restored is not None and len(restored.epochs) >= until):
        return None
    part = TrainingPart(wanted=wanted, stage=Stage.MEASURING)
    with _following(work, record, plan, part, ends_in_time=True) as following:
        epochs, started = list(following.before), limit.clock()
        ends: list[float] = []

        def possible() -> int:
            seconds, starting = statistics.fmean(epoch.seconds for epoch in epochs), 0.0
            if ends:
                starting = max(ends[0] - started - epochs[len(following.before)].seconds, 0.0)
            if len(ends) > 1:
                seconds = (ends[-1] - ends[0]) / (len(ends) - 1)
            return min(len(epochs) + limit.epochs_left(seconds, after=starting), most)

        def is_fixed() -> bool:
            return schedule.fixed_epochs(possible()) <= len(epochs)

        def on_epoch(epoch: Epoch) -> None:
            epochs.append(epoch)
            following.tell(epoch)
            ends.append(limit.clock())

        if not epochs or not is_fixed():
            train(
                work.builder,
                plan,
                training=following.examples[0],
                validation=following.examples[1],
                watch=Watch(on_epoch=on_epoch, callbacks=following.callbacks, until=int(until), pauses=is_fixed),
                checkpoint=Checkpoint(folder=work.folder.checkpoint),
            )
        # What was trained fits no shorter one.
        return next(number for number in itertools.count(possible()) if schedule.fixed_epochs(number) >= len(epochs))


@dataclass(frozen=True, kw_only=True)
class _Following:
    """A training that the run's observer follows. `examples`: to train and to validate with. `before`: epochs that
    an earlier command had."""

    examples: tuple[Split, Split | None]
    before: tuple[Epoch, ...]
    callbacks: Callable[[], list[Any]]
    tell: Callable[[Epoch], None]


@contextlib.contextmanager
def _following(
    work: RunWork, record: RunRecord, plan: TrainingPlan, part: TrainingPart, *, ends_in_time: bool
) -> Iterator[_Following]:
    """While a training of the plan runs. What makes it fail is a TrainingError, and on record."""
    restored = Checkpoint(folder=work.folder.checkpoint).restore(plan)
    before = () if restored is None else restored.epochs
    data = work.data
    examples: tuple[Split, Split | None] = data.training, data.validation
    if isinstance(record, SearchRun):
        examples = data.for_retraining(keeps_validation=work.builder.keeps_validation)
    retraining = Retraining(
        plan=plan,
        trial_id=record.winner.trial_id if record.winner is not None else None,
        part=part,
        examples=len(examples[0]),
        left_out=0 if examples[1] is None else len(examples[1]),
        done=len(before),
        ends_in_time=ends_in_time,
    )
    context = TrialContext(
        run=work.folder.name,
        trial_id=RETRAINING,
        hyperparameters=plan.hyperparameters,
        folder=work.folder.trial(RETRAINING).resolve(),
        run_folder=work.folder.path.resolve(),
    )
    with work.observer.training(retraining) as tell:
        try:
            yield _Following(
                examples=examples,
                before=before,
                callbacks=lambda: make_callbacks(work.factories, context),
                tell=tell,
            )
        except (InputError, OSError):
            raise
        except Exception as error:
            runs_users_code = bool(work.factories) or work.builder.probed is not None
            if not isinstance(error, TrainingError) and not runs_users_code:
                raise
            work.folder.write(dataclasses.replace(record, status=RunStatus.FAILED))
            if isinstance(error, TrainingError):
                raise
            reason = describe_failure(error)
            raise TrainingError(f"the training of {work.builder.name} failed ({reason}): fix it there") from error
