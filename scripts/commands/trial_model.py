"""A trial of a search that did not win, trained as a winner is and kept in the run's folder, to be exported too."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from scripts import _entry
from scripts.options.model import ModelChoice, require_same_model
from tuning.errors import InputError

if TYPE_CHECKING:
    from scripts.terminal.console import Console
    from tuning.data.dataset import Dataset
    from tuning.records import TrialRecord
    from tuning.runs.run_folder import RunFolder
    from tuning.runs.run_record import RunRecord


def folder_of_trial(
    arguments: argparse.Namespace, run: RunFolder, record: RunRecord, dataset: Dataset, console: Console
) -> RunFolder:
    """The folder with the model of the trial that `--trial` names: the run's own if it won, else `trials/ID` below it.

    Where there is no model yet, it is trained now, on all training images, or its training resumes after a kill.
    The test set stays closed. Raises InputError if there is no such trial or it has no result.
    """
    from tuning.loop.journal import Journal
    from tuning.runs.run_folder import RunFolder

    trial = _trial(Journal(run.journal).trials(), arguments.trial, run)
    if record.winner is not None and record.winner.trial_id == trial.trial_id:
        return run
    own = RunFolder(path=run.path / "trials" / trial.trial_id)
    if not own.training.exists():
        _entry.load_tensorflow()
        own.path.mkdir(parents=True, exist_ok=True)
        with run.lock(state=run.state()):
            _train(trial, run, own, record, dataset, console)
    return own


def _trial(trials: tuple[TrialRecord, ...], trial_id: str, run: RunFolder) -> TrialRecord:
    for trial in trials:
        if trial.trial_id == trial_id and trial.has_result:
            return trial
        if trial.trial_id == trial_id:
            raise InputError(f"trial {trial_id} of {run.path} has no result ({trial.reason}): choose another one")
    known = ", ".join(sorted(trial.trial_id for trial in trials if trial.has_result)) or "none"
    raise InputError(f"{run.path} has no trial {trial_id}: it has {known}")


def _train(
    trial: TrialRecord, run: RunFolder, own: RunFolder, record: RunRecord, dataset: Dataset, console: Console
) -> None:
    from scripts.options.model import make_builder
    from scripts.terminal.progress import TrainingProgress, count_of
    from tuning._retrain import retraining_plan, train_and_save
    from tuning.data.search_data import SearchData
    from tuning.evaluation.promise import Promised
    from tuning.lifecycle.complete import describe_model
    from tuning.loop.journal import Journal
    from tuning.runs.run_record import SearchRun
    from tuning.training.checkpoint import Checkpoint
    from tuning.training.train import Watch

    choice = ModelChoice.from_options(record.options)
    folds = record.config.folds if isinstance(record, SearchRun) else None
    data = SearchData.of(dataset, seed=record.seed, folds=folds)
    builder = make_builder(choice, data)
    require_same_model(record.model, describe_model(builder, choice.model), run.path)
    repeats = [each for each in Journal(run.journal).repeats() if each.repeat_of == trial.trial_id and each.has_result]
    examples = data.for_retraining(keeps_validation=builder.keeps_validation)
    count = len(examples[0])
    curves = repeats if repeats else [trial]
    plan = retraining_plan(builder, trial, curves=curves, examples=count, seed=record.seed)
    epochs = count_of(plan.settings.epochs, "epoch")
    console.print(f"trial {trial.trial_id} has no model yet: training it on {count} images, {epochs}")
    restored = Checkpoint(folder=own.checkpoint).restore(plan)
    done = 0 if restored is None else len(restored.epochs)
    with TrainingProgress(console, plan.settings, title="training", done=done) as progress:
        watch = Watch(on_epoch=progress.epoch_finished)
        promised = Promised(curves=curves, validation=len(data.validation))
        train_and_save(builder, plan, own, examples=examples, watch=watch, promised=promised)
    Checkpoint(folder=own.checkpoint).clear()
