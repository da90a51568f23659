"""The training of a run's one model, which continues where it was killed and ends when its time is up."""

from __future__ import annotations

import dataclasses

from tuning._retrain import train_and_save
from tuning.data.dataset import Split
from tuning.errors import InputError, TrainingError
from tuning.evaluation.promise import Promised
from tuning.failures import describe_failure
from tuning.lifecycle.run_work import Retraining, RunWork
from tuning.loop.budget import Budget
from tuning.plugins.user_callbacks import RETRAINING, TrialContext, make_callbacks
from tuning.records import Epoch
from tuning.runs.run_record import RunRecord, RunStatus, SearchRun
from tuning.runs.trained import TrainedModel
from tuning.settings import TrainingPlan
from tuning.training.checkpoint import Checkpoint
from tuning.training.train import Watch


def train_run_model(
    work: RunWork,
    record: RunRecord,
    plan: TrainingPlan,
    *,
    promised: Promised | None = None,
    wanted: int | None = None,
    limit: Budget | None = None,
) -> TrainedModel:
    """Train and save the run's model, from the epoch that an earlier command reached.

    With a `limit` the training ends when that is over, but not before its first epoch. Raises TrainingError, with the
    run FAILED on record, if there is no model to save.
    """
    restored = Checkpoint(folder=work.folder.checkpoint).restore(plan)
    before = () if restored is None else restored.epochs
    data = work.data
    examples: tuple[Split, Split | None] = data.training, data.validation
    if isinstance(record, SearchRun):
        examples = data.for_retraining(keeps_validation=work.builder.keeps_validation)
    training, validation = examples
    retraining = Retraining(
        plan=plan,
        trial_id=record.winner.trial_id if record.winner is not None else None,
        wanted=wanted if wanted is not None else plan.settings.epochs,
        examples=len(training),
        left_out=0 if validation is None else len(validation),
        done=len(before),
        ends_in_time=limit is not None,
    )
    context = TrialContext(
        run=work.folder.name,
        trial_id=RETRAINING,
        hyperparameters=plan.hyperparameters,
        folder=work.folder.trial(RETRAINING).resolve(),
        run_folder=work.folder.path.resolve(),
    )
    epochs = list(before)
    spent_before = sum(epoch.seconds for epoch in before)
    with work.observer.training(retraining) as tell:

        def on_epoch(epoch: Epoch) -> None:
            epochs.append(epoch)
            tell(epoch)

        def should_stop() -> bool:
            return limit is not None and bool(epochs) and limit.is_over(spent_before=spent_before)

        watch = Watch(
            on_epoch=on_epoch, should_stop=should_stop, callbacks=lambda: make_callbacks(work.factories, context)
        )
        try:
            return train_and_save(work.builder, plan, work.folder, examples=examples, watch=watch, promised=promised)
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
