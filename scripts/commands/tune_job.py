"""Everything that a run of tune.py consists of, checked, before anything is written."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scripts.options.data import describe_asked_data
from scripts.options.model import describe_model, make_builder, require_same_model
from scripts.options.search import SEARCHED, SearchOptions, is_searched, known_configurations

if TYPE_CHECKING:
    import argparse

    from tuning.data.dataset import Dataset
    from tuning.data.search_data import SearchData
    from tuning.plugins.user_callbacks import CallbackFactory
    from tuning.records import SearchConfig
    from tuning.runs.run_folder import RunFolder
    from tuning.training.builder import ModelBuilder


@dataclass(frozen=True, kw_only=True, eq=False)
class TuneJob:
    """Data, model builder, and what is to be searched.

    `is_searched`: an earlier command ended the search, and this one asks for no more trials or time.
    """

    dataset: Dataset
    data: SearchData
    builder: ModelBuilder
    factories: tuple[CallbackFactory, ...]
    config: SearchConfig
    options: SearchOptions
    record: dict[str, Any]
    is_searched: bool


def prepare(arguments: argparse.Namespace, folder: RunFolder, dataset: Dataset, options: SearchOptions) -> TuneJob:
    """Raises InputError for whatever does not fit together, or is not what the run was started with."""
    from tuning._search import default_epochs
    from tuning.data.search_data import SearchData
    from tuning.models.probing import require_trainable
    from tuning.oracles.by_name import make_oracle
    from tuning.plugins.tensorboard_logs import tensorboard_factory
    from tuning.plugins.user_callbacks import load_factories
    from tuning.records import SearchConfig
    from tuning.runs import run_record

    choice = options.model_choice
    data = SearchData.of(dataset, seed=options.seed)
    builder = make_builder(choice, data)
    config = SearchConfig(
        algorithm=options.algorithm,
        max_trials=options.max_trials,
        epochs=options.epochs if options.epochs is not None else default_epochs(len(data.training), options.algorithm),
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
    require_trainable(builder, data, config)
    # Packages that only these need are asked for before anything is written.
    make_oracle(config)
    if options.tensorboard:
        tensorboard_factory(folder.path)
    asked = dataclasses.asdict(options)
    described = {**asked, "epochs": config.epochs, "searched_space": builder.described_space()}
    model = describe_model(choice, builder)
    if folder.exists:
        record = folder.read()
        require_same_model(record["model"], model, folder.path)
        run_record.require_unchanged(folder, record["config"], {"searched_space": described["searched_space"]})
        record = {**record, "options": {**record["options"], **asked}, "config": {**record["config"], **described}}
    else:
        record = {
            "command": "tune",
            "options": {**describe_asked_data(arguments), **asked},
            "dataset": run_record.describe_dataset(dataset, validation=len(data.validation), path=arguments.data),
            "model": model,
            "config": described,
            "seed": options.seed,
            "versions": run_record.describe_versions(),
            "status": run_record.SEARCHING,
            "winner": None,
            "test": None,
            "seconds": {"search": 0.0, "retrain": 0.0},
        }
    return TuneJob(
        dataset=dataset,
        data=data,
        builder=builder,
        factories=factories,
        config=config,
        options=options,
        record=record,
        is_searched=SEARCHED in record["config"] and is_searched(options, record["config"]),
    )
