"""Everything that a run of train.py consists of, checked, before anything is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scripts import _entry
from scripts.options.data import TrainingDataChoice, load_run_dataset
from scripts.options.model import ModelChoice, make_builder, require_same_model, tell_code
from scripts.options.resuming import require_command
from tuning.errors import InputError
from tuning.models.baselines import baseline
from tuning.settings import TrainingSettings

if TYPE_CHECKING:
    import argparse

    from scripts.terminal.console import Console
    from tuning.data.dataset import Dataset
    from tuning.data.search_data import SearchData
    from tuning.plugins.user_callbacks import CallbackFactory
    from tuning.records import TrialRecord
    from tuning.runs.run_folder import RunFolder
    from tuning.runs.run_record import TrainRun
    from tuning.settings import Configuration
    from tuning.training.builder import ModelBuilder

DEFAULT_EPOCHS = 12


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainJob:
    """Data, model builder, and what run.json says of the run, its plan too."""

    dataset: Dataset
    data: SearchData
    builder: ModelBuilder
    factories: tuple[CallbackFactory, ...]
    record: TrainRun


def new_job(arguments: argparse.Namespace, console: Console) -> TrainJob:
    """A new run, as the arguments say. Raises InputError for what does not fit together."""
    chosen = _chosen(arguments)
    tell_code(console, chosen.choice)
    choice = TrainingDataChoice.of(arguments)
    dataset = choice.load(runs=arguments.runs, seed=arguments.seed)
    _entry.load_tensorflow(trains_halves=chosen.choice.model is None)
    from tuning.lifecycle.complete import describe_model
    from tuning.runs.recorded_data import describe_dataset, describe_versions
    from tuning.runs.run_record import RunCommand, RunStatus, TrainRun, TrainSection
    from tuning.seeds import derive_seed
    from tuning.settings import Schedule, TrainingPlan

    seed = arguments.seed if arguments.seed is not None else 0
    data, builder, factories = _make(chosen.choice, dataset, seed=seed)
    settings = chosen.settings
    if settings is None:
        settings = builder.trial_settings(DEFAULT_EPOCHS)
        if settings.schedule is Schedule.WARMUP_CONSTANT:
            # Nothing compares it half-way with others, as it does trials.
            settings = dataclasses.replace(settings, schedule=Schedule.WARMUP_DECAY)
    if arguments.epochs is not None:
        settings = dataclasses.replace(settings, epochs=arguments.epochs)
    if chosen.choice.class_weight is not None:
        settings = dataclasses.replace(settings, balance_classes=True)
    plan = TrainingPlan(
        hyperparameters=chosen.configuration(builder), settings=settings, seed=derive_seed(seed, "train")
    )
    options = {name: getattr(arguments, name) for name in ("baseline", "trial", "set", "epochs", "seed")}
    record = TrainRun(
        command=RunCommand.TRAIN,
        options={**choice.as_options(), **chosen.choice.as_options(), **options},
        dataset=describe_dataset(dataset, validation=len(data.validation), path=choice.data),
        model=describe_model(builder, chosen.choice.model),
        config=TrainSection(baseline=arguments.baseline, trial=arguments.trial, plan=plan),
        seed=seed,
        versions=describe_versions(),
        status=RunStatus.RETRAINING,
    )
    return TrainJob(dataset=dataset, data=data, builder=builder, factories=factories, record=record)


def resume_job(arguments: argparse.Namespace, folder: RunFolder, console: Console) -> TrainJob:
    """The run in the folder, as it was started. Raises InputError if it can't be resumed so."""
    fixed = [field.name for holder in (TrainingDataChoice, ModelChoice) for field in dataclasses.fields(holder)]
    for option in (*fixed, "epochs", "seed"):
        if getattr(arguments, option) is not None:
            name = option.replace("_", "-")
            raise InputError(
                f"--resume continues {folder.path} with the options that it was started with: leave out --{name}"
            )
    from tuning.runs.run_record import TrainRun

    record = folder.read()
    require_command("train", record, folder, runs=arguments.runs)
    assert isinstance(record, TrainRun)
    dataset = load_run_dataset(record, runs=arguments.runs)
    choice = ModelChoice.from_options(record.options)
    _entry.load_tensorflow(trains_halves=choice.model is None)
    from tuning.lifecycle.complete import describe_model

    tell_code(console, choice)
    data, builder, factories = _make(choice, dataset, seed=record.seed)
    require_same_model(record.model, describe_model(builder, choice.model), folder.path)
    return TrainJob(dataset=dataset, data=data, builder=builder, factories=factories, record=record)


def _make(
    choice: ModelChoice, dataset: Dataset, *, seed: int
) -> tuple[SearchData, ModelBuilder, tuple[CallbackFactory, ...]]:
    from tuning.data.search_data import SearchData
    from tuning.models.probing import require_trainable
    from tuning.plugins.user_callbacks import load_factories
    from tuning.records import SearchConfig

    data = SearchData.of(dataset, seed=seed)
    builder = make_builder(choice, data)
    require_trainable(builder, data, SearchConfig(balance_classes=choice.class_weight is not None))
    return data, builder, load_factories(choice.callback)


@dataclass(frozen=True, kw_only=True)
class _Chosen:
    """A configuration as it was asked for, of which model, and how it is trained.

    `values` None: the texts of `--set`. `settings` None: as the model builder trains a single configuration.
    """

    choice: ModelChoice
    settings: TrainingSettings | None = None
    values: Configuration | None = None
    texts: Mapping[str, str] = field(default_factory=dict)

    def configuration(self, builder: ModelBuilder) -> Configuration:
        """Raises InputError for what `builder` does not take."""
        from tuning.space.drawing import complete, parse

        point = parse(builder, self.texts) if self.values is None else complete(builder, self.values)
        return point.values


def _chosen(arguments: argparse.Namespace) -> _Chosen:
    choice = ModelChoice.from_options(vars(arguments))
    if arguments.baseline is not None:
        if choice.model is not None:
            raise InputError("--baseline is a configuration of the built-in model: leave it out, or --model")
        published = baseline(arguments.baseline)
        return _Chosen(choice=choice, values=published.hyperparameters, settings=published.settings)
    if arguments.trial is not None:
        trial, its_choice = _recorded_trial(arguments)
        asked = {name: value for name, value in choice.as_options().items() if value}
        together = ModelChoice.from_options({**its_choice.as_options(), **asked})
        return _Chosen(choice=together, values=trial.hyperparameters, settings=trial.settings)
    pairs = [text.partition("=") for text in arguments.set]
    for name, equals, value in pairs:
        if not (name and equals and value):
            raise InputError(f"--set needs NAME=VALUE, like learning_rate=0.003, got {name}{equals}{value}")
    return _Chosen(choice=choice, texts={name: value for name, _, value in pairs})


def _recorded_trial(arguments: argparse.Namespace) -> tuple[TrialRecord, ModelChoice]:
    """A trial of a search, and the model that was searched."""
    from tuning.loop.journal import Journal
    from tuning.runs.run_folder import open_run

    name, colon, trial_id = arguments.trial.partition(":")
    if not colon:
        raise InputError(f"--trial needs RUN:ID, like tune-1:0003, got {arguments.trial}")
    source = open_run(arguments.runs, name)
    record = source.read()
    trials = Journal(source.journal).trials()
    for trial in trials:
        if trial.trial_id == trial_id:
            return trial, ModelChoice.from_options(record.options)
    known = ", ".join(trial.trial_id for trial in trials) or "none"
    raise InputError(f"{source.path} has no trial {trial_id}: it has {known}")
