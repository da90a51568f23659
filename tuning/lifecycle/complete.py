"""A whole run in one call: search, retrain the winner, look at the test set once."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tuning._search import PreparedSearch, prepare_search
from tuning.data.dataset import Dataset
from tuning.data.search_data import SearchData
from tuning.errors import InputError
from tuning.lifecycle.run_work import Retraining, RunWork
from tuning.lifecycle.steps import NO_BUDGET, CompletedRun, complete_search_run
from tuning.loop.observer import Observer, Silent
from tuning.loop.resources import Resources
from tuning.models.user_model import UserModel
from tuning.plugins.user_code import code_digest, resolve_source
from tuning.ranking.choice import SearchResult
from tuning.records import Epoch, SearchConfig
from tuning.runs.recorded_data import describe_dataset, describe_versions
from tuning.runs.run_folder import RunFolder
from tuning.runs.run_record import (
    RecordedKind,
    RecordedModel,
    RunCommand,
    RunRecord,
    RunStatus,
    SearchRun,
    SearchSection,
)
from tuning.runs.trained import TrainedModel
from tuning.training.builder import ModelBuilder


def complete(
    model: Any,
    dataset: Dataset,
    folder: Path | str,
    config: SearchConfig | None = None,
    *,
    resources: Resources | None = None,
    observer: Observer | None = None,
) -> CompletedRun:
    """Search, train the winner on all training examples, and look at the test set, once.

    `model`: as of `search`. `folder` becomes a run as tune.py makes them: `run.json`, the journal, `model.keras`,
    `training.json`, `evaluation.json`; `export.py --run` takes it where the data can be loaded again. `resources`: the
    budget counts from this call. `observer` follows the search.

    Killed at any step and called again with the same arguments, it resumes there; a finished run is returned as it is.
    A larger `config.max_trials`, or more time where that ended the search, searches on, and only another winner is
    trained and tested. The result's `record.test` has the accuracy with its 95 % interval and the number of looks; the
    status is FAILED, without a winner, where no trial has a result.

    Raises InputError for whatever does not fit together, a run in the folder that was made of something else, and one
    that another process is writing; TrainingError if the winner can't be trained; OSError if something can't be
    written.
    """
    run = RunFolder(path=Path(folder))
    using = resources if resources is not None else Resources()
    state = run.state()
    asked = config if config is not None else SearchConfig()
    data = SearchData.of(dataset, seed=asked.seed, folds=asked.folds)
    with contextlib.closing(prepare_search(model, data, asked)) as search:
        described = _describe(search, dataset, using)
        record = _resume(run, run.read(), described) if run.exists else described
        run.path.mkdir(parents=True, exist_ok=True)
        with run.lock(state=state):
            work = RunWork(
                folder=run,
                dataset=dataset,
                data=data,
                builder=search.builder,
                factories=using.factories,
                observer=_SearchOnly(observer if observer is not None else Silent()),
            )
            return complete_search_run(work, record, search, resources=using)


def describe_model(builder: ModelBuilder, source: str | None = None) -> RecordedModel:
    """`source`: FILE.py:NAME or package.module:NAME of the user's code; None: it is built in or a program's."""
    if not isinstance(builder, UserModel):
        return RecordedModel(source=None, digest=None, pixel_scale=None, kind=RecordedKind.CLASSIFIER)
    is_classifier = builder.feed.num_classes and builder.shows_images
    return RecordedModel(
        source=None if source is None else resolve_source(source),
        digest=None if source is None else code_digest(source),
        pixel_scale=builder.feed.pixel_scale,
        kind=RecordedKind.CLASSIFIER if is_classifier else RecordedKind.OUTPUTS,
    )


def _describe(search: PreparedSearch, dataset: Dataset, resources: Resources) -> SearchRun:
    """The record of a run that begins."""
    config = search.config
    assert config.epochs is not None
    seconds, timeout = resources.budget.seconds, resources.trial_timeout
    section = SearchSection(
        algorithm=config.algorithm if isinstance(config.algorithm, str) else type(config.algorithm).__name__,
        max_trials=config.max_trials,
        epochs=config.epochs,
        min_epochs=config.min_epochs,
        max_parameters=config.max_parameters,
        finalists=config.finalists,
        repeats=config.repeats,
        folds=config.folds,
        workers=resources.workers,
        trial_timeout=None if timeout is None else f"{timeout}s",
        keep_states=f"{resources.keep_states / 1e6:.6f}MB",
        budget=NO_BUDGET if math.isinf(seconds) else f"{max(seconds, 0.001):.3f}s",
        seed=config.seed,
        objective=",".join((str(config.objective), *config.costs)),
        class_weight="balanced" if config.balance_classes else None,
        searched_space=search.builder.described_space(),
    )
    return SearchRun(
        command=RunCommand.COMPLETE,
        dataset=describe_dataset(dataset, validation=len(search.data.validation), path=None),
        model=describe_model(search.builder),
        config=section,
        seed=config.seed,
        versions=describe_versions(),
        status=RunStatus.SEARCHING,
    )


_FIXED = (
    "algorithm",
    "epochs",
    "min_epochs",
    "max_parameters",
    "finalists",
    "repeats",
    "seed",
    "objective",
    "class_weight",
    "searched_space",
)


def _resume(run: RunFolder, recorded: RunRecord, asked: SearchRun) -> SearchRun:
    """The run's own record, allowed what is asked for. Raises InputError for what a resumed run can't change."""
    if not isinstance(recorded, SearchRun) or recorded.command is not RunCommand.COMPLETE:
        raise InputError(
            f"{run.path} holds a run of {recorded.command}.py: continue it by that command, or choose another folder"
        )
    pairs = [
        ("data", recorded.dataset.digest, asked.dataset.digest),
        ("model", recorded.model, asked.model),
        *((name, getattr(recorded.config, name), getattr(asked.config, name)) for name in _FIXED),
    ]
    for name, before, now in pairs:
        if before != now:
            raise InputError(
                f"{run.path} was started with {name} {before} and can't continue with {now}: ask for the same or "
                "choose another folder"
            )
    if asked.config.max_trials < recorded.config.max_trials:
        raise InputError(
            f"max_trials {asked.config.max_trials} is less than the {recorded.config.max_trials} that {run.path} was "
            "started with: ask for more to extend it, or for as many"
        )
    config = dataclasses.replace(
        asked.config, searched=recorded.config.searched, retraining_epochs=recorded.config.retraining_epochs
    )
    return dataclasses.replace(recorded, config=config)


class _SearchOnly:
    """Follows the search alone."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    @contextlib.contextmanager
    def searching(self, search: PreparedSearch, resources: Resources) -> Iterator[Observer]:
        yield self._observer

    def search_finished(self, result: SearchResult, *, is_new: bool) -> None: ...

    @contextlib.contextmanager
    def training(self, retraining: Retraining) -> Iterator[Callable[[Epoch], None]]:
        yield lambda epoch: None

    def training_finished(self, model: TrainedModel) -> None: ...
