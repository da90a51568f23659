"""Everything that a run of tune.py consists of, checked, before anything is written."""

from __future__ import annotations

import contextlib
import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scripts.options.data import describe_asked_data
from scripts.options.model import make_builder, require_same_model
from scripts.options.search import SearchOptions, known_configurations
from tuning.errors import InputError

if TYPE_CHECKING:
    import argparse

    from tuning._search import PreparedSearch
    from tuning.data.dataset import Dataset
    from tuning.plugins.user_callbacks import CallbackFactory
    from tuning.runs.run_folder import RunFolder
    from tuning.runs.run_record import RecordedModel, SearchRun


@dataclass(frozen=True, kw_only=True, eq=False)
class TuneJob:
    """A search that is known to work, and what run.json says of the run. `factories` of callbacks for every training;
    `logs`: of those for trials alone.
    """

    dataset: Dataset
    search: PreparedSearch
    factories: tuple[CallbackFactory, ...]
    logs: tuple[CallbackFactory, ...]
    options: SearchOptions
    record: SearchRun

    def close(self) -> None:
        """Remove what the search keeps; more than once is no error."""
        self.search.close()


def prepare(arguments: argparse.Namespace, folder: RunFolder, dataset: Dataset, options: SearchOptions) -> TuneJob:
    """Raises InputError for whatever does not fit together, or is not what the run was started with."""
    from tuning._search import prepare_search
    from tuning.data.search_data import SearchData
    from tuning.lifecycle.complete import describe_model
    from tuning.plugins.tensorboard_logs import tensorboard_factory
    from tuning.plugins.user_callbacks import load_factories
    from tuning.records import SearchConfig

    choice = options.model_choice
    data = SearchData.of(dataset, seed=options.seed)
    builder = make_builder(choice, data)
    config = SearchConfig(
        algorithm=options.algorithm,
        max_trials=options.max_trials,
        epochs=options.epochs,
        seed=options.seed,
        objective=options.ranked_by,
        balance_classes=choice.class_weight is not None,
        enqueued=known_configurations(options, builder),
        costs=options.costs,
        min_epochs=options.min_epochs,
        max_parameters=options.max_parameters,
        finalists=options.finalists,
        repeats=options.repeats,
    )
    factories = load_factories(choice.callbacks)
    logs = (tensorboard_factory(),) if options.tensorboard else ()
    with contextlib.ExitStack() as stack:
        search = prepare_search(builder, data, config)
        stack.callback(search.close)
        model = describe_model(builder, choice.source)
        job = TuneJob(
            dataset=dataset,
            search=search,
            factories=factories,
            logs=logs,
            options=options,
            record=_record(arguments, folder, search, dataset, options, model),
        )
        stack.pop_all()
    return job


def _record(
    arguments: argparse.Namespace,
    folder: RunFolder,
    search: PreparedSearch,
    dataset: Dataset,
    options: SearchOptions,
    model: RecordedModel,
) -> SearchRun:
    """The run's own record, allowed what is asked for, or that of a run that begins."""
    from tuning.runs.recorded_data import describe_dataset, describe_versions
    from tuning.runs.run_record import RunCommand, RunStatus, SearchRun, SearchSection

    asked = dataclasses.asdict(options)
    space = search.builder.described_space()
    section = {**asked, "epochs": search.config.epochs, "callback": tuple(options.callback), "searched_space": space}
    if not folder.exists:
        return SearchRun(
            command=RunCommand.TUNE,
            options={**describe_asked_data(arguments), **asked},
            dataset=describe_dataset(dataset, validation=len(search.data.validation), path=arguments.data),
            model=model,
            config=SearchSection(**section),
            seed=options.seed,
            versions=describe_versions(),
            status=RunStatus.SEARCHING,
        )
    record = folder.read()
    assert isinstance(record, SearchRun), "read_options refuses others"
    require_same_model(record.model, model, folder.path)
    if record.config.searched_space != space:
        raise InputError(
            f"{folder.path} was started with searched_space {record.config.searched_space} and can't go on with "
            f"{space}: leave it out or start a new run"
        )
    return dataclasses.replace(
        record, options={**record.options, **asked}, config=dataclasses.replace(record.config, **section)
    )
