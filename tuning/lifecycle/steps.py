"""A run from its search to the one look at the test set, each step on record before the next: it resumes at any.

    SEARCHING → SEARCHED → RETRAINING → EVALUATING → FINISHED

`run.json` says which step is next. A run that is allowed more trials or time searches again, and only another winner
leads to another model and another look. What a training or every trial ends by is FAILED, and is tried again.
"""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass
from typing import TypeVar

from tuning._retrain import retraining_plan
from tuning._search import PreparedSearch
from tuning.evaluation.promise import Promised
from tuning.lifecycle.final_test import look_at_test_set
from tuning.lifecycle.run_work import RunWork, Stage, TrainingPart
from tuning.lifecycle.training_step import train_run_model, train_until_end_is_fixed
from tuning.loop.budget import Budget, parse_duration
from tuning.loop.journal import Journal
from tuning.loop.resources import Resources
from tuning.ranking.choice import SearchResult, result_of
from tuning.records import StopReason
from tuning.runs.run_record import EndedSearch, RecordedWinner, RunRecord, RunStatus, SearchRun, SearchSection, TrainRun
from tuning.runs.training_file import read_trained
from tuning.settings import TrainingPlan, TrainingSettings
from tuning.training.checkpoint import Checkpoint

_Run = TypeVar("_Run", bound=RunRecord)

NO_BUDGET = "none"
"""The budget of a run that may take any time."""


@dataclass(frozen=True, kw_only=True)
class CompletedRun:
    """`record`: what `run.json` holds, FINISHED, or FAILED where no trial has a result."""

    record: SearchRun
    result: SearchResult


def complete_search_run(
    work: RunWork, record: SearchRun, search: PreparedSearch, *, resources: Resources
) -> CompletedRun:
    """Search, retrain the winner and look at the test set, from wherever an earlier command stopped.

    Raises TrainingError if the winner can't be trained, InputError for a journal that another search wrote, and OSError
    if something can't be written.
    """
    record, result = _search(work, record, search, resources)
    if result.winner is None:
        record = dataclasses.replace(record, status=RunStatus.FAILED)
        work.folder.write(record)
        return CompletedRun(record=record, result=result)
    winner = RecordedWinner.of(result.winner)
    if record.winner != winner:
        record = _with_winner(work, record, winner, result, resources)
        work.folder.write(record)
    if not record.status.has_model:
        record = _retrain(work, record, result, resources.budget)
        work.folder.write(record)
    return CompletedRun(record=_test(work, record), result=result)


def complete_training_run(work: RunWork, record: TrainRun) -> TrainRun:
    """Train the plan and look at the test set, from wherever an earlier command stopped.

    Raises TrainingError if there is no model to save, and OSError if something can't be written.
    """
    if not record.status.has_model:
        work.folder.write(record)
        trained = train_run_model(work, record, record.config.plan)
        result = trained.epochs[trained.result_epoch]
        record = dataclasses.replace(
            record,
            status=RunStatus.EVALUATING,
            winner=RecordedWinner(
                trial_id=None,
                hyperparameters=dict(trained.hyperparameters),
                val_loss=result.val_loss,
                val_accuracy=result.val_accuracy,
                parameters=trained.parameters,
            ),
            seconds=dataclasses.replace(record.seconds, retrain=trained.seconds),
        )
        work.folder.write(record)
    return _test(work, record)


def ended_search(config: SearchSection, result: SearchResult) -> EndedSearch:
    """What the search was allowed, and what ended it."""
    return EndedSearch(
        max_trials=config.max_trials,
        budget=config.budget,
        stopped_by=result.stopped_by,
        repeats_left=result.repeats_left,
        expected={trial.trial_id: trial.expected for trial in result.trials if trial.expected is not None},
    )


def is_search_over(config: SearchSection) -> bool:
    """Whether the run's search ended, and `config` allows no more of what ended it than it did then."""
    ended = config.searched
    if ended is None:
        return False
    longer = _seconds(config.budget) > _seconds(ended.budget)
    more = {StopReason.MAX_TRIALS: config.max_trials > ended.max_trials, StopReason.BUDGET: longer}
    return not more.get(ended.stopped_by, False) and not (ended.repeats_left and longer)


def _seconds(budget: str) -> float:
    return math.inf if budget == NO_BUDGET else parse_duration(budget)


def _search(
    work: RunWork, record: SearchRun, search: PreparedSearch, resources: Resources
) -> tuple[SearchRun, SearchResult]:
    ended = record.config.searched
    if ended is not None and is_search_over(record.config):
        search.close()
        journal = Journal(work.folder.journal)
        trials = tuple(
            dataclasses.replace(trial, expected=ended.expected.get(trial.trial_id)) for trial in journal.trials()
        )
        result = result_of(trials, journal.repeats(), search.config, stopped_by=ended.stopped_by)
        chosen = result.selection if record.selection is None else record.selection
        result = dataclasses.replace(result, ranges=journal.ranges(), selection=chosen)
        work.observer.search_finished(result, is_new=False)
        return record, result
    work.folder.write(record)
    started = time.perf_counter()
    with work.observer.searching(search, resources) as follower:
        result = search.run(work.folder.path, resources=resources, observer=follower)
    seconds = record.seconds.search + time.perf_counter() - started
    record = dataclasses.replace(
        record,
        config=dataclasses.replace(record.config, searched=ended_search(record.config, result)),
        status=RunStatus.SEARCHED if record.status is RunStatus.SEARCHING else record.status,
        selection=result.selection,
        seconds=dataclasses.replace(record.seconds, search=seconds),
    )
    work.folder.write(record)
    work.observer.search_finished(result, is_new=True)
    return record, result


def _with_winner(
    work: RunWork, record: SearchRun, winner: RecordedWinner, result: SearchResult, resources: Resources
) -> SearchRun:
    """Where its end has to be known, as many epochs of retraining as there is time for are fixed now."""
    assert result.winner is not None
    settings = _winner_plan(work, record, result).settings
    epochs = settings.epochs
    if not _can_end_anywhere(work, settings):
        ratio = work.data.retraining_ratio(keeps_validation=work.builder.keeps_validation)
        epochs = resources.budget.retraining_epochs(result.winner, examples_ratio=ratio, epochs=epochs)
    config = dataclasses.replace(record.config, retraining_epochs=epochs)
    return dataclasses.replace(record, winner=winner, config=config, status=RunStatus.RETRAINING)


def _can_end_anywhere(work: RunWork, settings: TrainingSettings) -> bool:
    """Whether it need not be known from the start how many epochs a training will have."""
    own_fit = work.builder.own_fit is not None and not settings.by_keras
    return settings.schedule.fixed_epochs(settings.epochs) > 0 and not own_fit


def _winner_plan(
    work: RunWork, record: SearchRun, result: SearchResult, *, most_epochs: int | None = None
) -> TrainingPlan:
    assert result.winner is not None
    training, _ = work.data.for_retraining(keeps_validation=work.builder.keeps_validation)
    return retraining_plan(
        work.builder,
        result.winner,
        curves=result.winner_curves,
        examples=len(training),
        seed=record.seed,
        most_epochs=most_epochs,
    )


def _retrain(work: RunWork, record: SearchRun, result: SearchResult, budget: Budget) -> SearchRun:
    assert result.winner is not None
    wanted = _winner_plan(work, record, result).settings.epochs
    plan = _winner_plan(work, record, result, most_epochs=record.config.retraining_epochs)
    promised = Promised(curves=result.winner_curves, validation=len(work.data.validation))
    limit = budget if _can_end_anywhere(work, plan.settings) and math.isfinite(budget.seconds) else None
    started, stage = time.perf_counter(), Stage.WHOLE
    if limit is not None:
        restored = Checkpoint(folder=work.folder.checkpoint).restore(plan)
        limit.spend(0.0 if restored is None else sum(epoch.seconds for epoch in restored.epochs))
        epochs = train_until_end_is_fixed(work, record, plan, wanted=wanted, limit=limit)
        if epochs is not None:
            record = dataclasses.replace(record, config=dataclasses.replace(record.config, retraining_epochs=epochs))
            work.folder.write(record)
            plan, stage = _winner_plan(work, record, result, most_epochs=epochs), Stage.MEASURED
    train_run_model(work, record, plan, promised=promised, part=TrainingPart(wanted=wanted, stage=stage), limit=limit)
    seconds = dataclasses.replace(record.seconds, retrain=time.perf_counter() - started)
    return dataclasses.replace(record, status=RunStatus.EVALUATING, seconds=seconds)


def _test(work: RunWork, record: _Run) -> _Run:
    if record.status is not RunStatus.FINISHED:
        work.observer.training_finished(read_trained(work.folder.training))
    return look_at_test_set(work.folder, record, work.builder, work.dataset)
