"""Everything that a run of tune.py consists of, checked, before anything is written."""

from __future__ import annotations

import contextlib
import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scripts.options.data import TrainingDataChoice
from scripts.options.model import make_builder, require_same_model
from scripts.options.search import SearchOptions, list_known_configurations
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

    data = SearchData.of(dataset, seed=options.seed, folds=options.folds)
    builder = make_builder(options, data)
    config = dataclasses.replace(
        options.config,
        enqueued=list_known_configurations(options, builder),
        # Callbacks may count epochs.
        parts=1 if options.callback else None,
    )
    factories = load_factories(options.callback)
    logs = (tensorboard_factory(),) if options.tensorboard else ()
    with contextlib.ExitStack() as stack:
        search = prepare_search(builder, data, config)
        stack.callback(search.close)
        model = describe_model(builder, options.model)
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

    asked = options.as_options()
    # Folds take the place of repeats, and a file that has both would contradict itself.
    given = {**asked, "repeats": asked["repeats"] if options.folds is None else None}
    space = search.builder.described_space()
    section = {**asked, "epochs": search.config.epochs, "callback": options.callback, "searched_space": space}
    if not folder.exists:
        return SearchRun(
            command=RunCommand.TUNE,
            options={**TrainingDataChoice.of(arguments).as_options(), **given},
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
        record, options={**record.options, **given}, config=dataclasses.replace(record.config, **section)
    )
