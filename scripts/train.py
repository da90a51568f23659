"""Train one configuration as a run of its own: a published baseline, a trial of a search, or values given."""

from __future__ import annotations

import _entry  # isort: skip

import argparse
import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scripts.parts.data import (
    add_data_arguments,
    load_asked_dataset,
    load_run_dataset,
    tell_dataset,
    tell_fallback,
)
from scripts.parts.writing import writing_run
from tuning.baselines import BASELINES, baseline
from tuning.errors import InputError
from tuning.records import Schedule, TrainingSettings

if TYPE_CHECKING:
    from rich.console import Console

    from scripts.parts.stages import Work
    from tuning.dataset import Dataset, Split
    from tuning.hypermodel import TunableClassifier
    from tuning.records import Configuration, Plan, TrainedModel, TrialRecord
    from tuning.run_folder import RunFolder

DEFAULT_EPOCHS = 12


def build_parser() -> _entry.Parser:
    parser = _entry.parser(
        "Train one configuration as a run of its own, validate every epoch, plot the curves, and evaluate it on the "
        "test set, once."
    )
    add_data_arguments(parser)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--baseline", metavar="NAME", help=f"with its own published settings: {', '.join(BASELINES)}")
    which.add_argument("--trial", metavar="RUN:ID", help="a trial of a search, like tune-1:0003")
    which.add_argument(
        "--set",
        action="append",
        metavar="NAME=VALUE",
        help="hyperparameters, like learning_rate=0.003; may be repeated",
    )
    which.add_argument("--resume", action="store_true", help="go on with the run given by --run, as it was started")
    parser.add_argument(
        "--epochs", type=int, metavar="N", help=f"epochs (default: the published ones, else {DEFAULT_EPOCHS})"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="0 or more (default: 0)")
    parser.add_argument("--run", metavar="NAME", help="name of the new run (default: a fresh one)")
    parser.add_argument(
        "--minimum-accuracy", type=float, metavar="A", help="exit 1 if the test accuracy (0 to 1) is below"
    )
    return parser


def run(arguments: argparse.Namespace) -> _entry.Outcome:
    from scripts.parts.terminal import make_console
    from tuning.run_folder import fresh_name, open_run

    console = make_console(json_output=arguments.json)
    if arguments.seed is not None and arguments.seed < 0:
        raise InputError(f"--seed must be 0 or more, got {arguments.seed}")
    if arguments.epochs is not None and arguments.epochs < 1:
        raise InputError(f"--epochs must be 1 or more, got {arguments.epochs}")
    if arguments.minimum_accuracy is not None and not 0 <= arguments.minimum_accuracy <= 1:
        raise InputError(f"--minimum-accuracy must be 0 to 1, got {arguments.minimum_accuracy}")
    if arguments.resume and arguments.run is None:
        raise InputError("--resume needs --run NAME: say which run to go on with")
    stem = baseline(arguments.baseline).name if arguments.baseline is not None else "train"
    folder = open_run(arguments.runs, arguments.run if arguments.run is not None else fresh_name(arguments.runs, stem))
    if folder.exists and not arguments.resume:
        raise InputError(
            f"{folder.path} already holds a run: choose another --run, or go on with it by --resume instead of "
            "--baseline, --trial or --set"
        )
    state = folder.state()
    job = _resumed(arguments, folder) if arguments.resume else _started(arguments)
    with writing_run(arguments, folder, state=state, stem=stem) as folder:
        return _train(arguments, folder, job, console)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """Everything that a run consists of, checked, before anything is written."""

    dataset: Dataset
    training: Split
    validation: Split
    hypermodel: TunableClassifier
    plan: Plan
    record: dict[str, Any]


def _started(arguments: argparse.Namespace) -> Job:
    """A new run, as the arguments say."""
    chosen = _chosen(arguments)
    dataset = load_asked_dataset(arguments)
    _entry.load_tensorflow()
    from tuning import run_record
    from tuning.hypermodel import Task, TunableClassifier
    from tuning.records import Plan
    from tuning.seeds import derive_seed

    seed = arguments.seed if arguments.seed is not None else 0
    hypermodel = TunableClassifier(Task(image_shape=dataset.image_shape, num_classes=dataset.num_classes))
    settings = chosen.settings
    if arguments.epochs is not None:
        settings = dataclasses.replace(settings, epochs=arguments.epochs)
    plan = Plan(hyperparameters=chosen.configuration(hypermodel), settings=settings, seed=derive_seed(seed, "train"))
    training, validation = dataset.training_and_validation(fraction=run_record.VALIDATION_FRACTION, seed=seed)
    record = {
        "command": "train",
        "dataset": run_record.describe_dataset(dataset, validation=len(validation), path=arguments.data),
        "config": {"baseline": arguments.baseline, "trial": arguments.trial, "plan": plan.as_json()},
        "seed": seed,
        "versions": run_record.describe_versions(),
        "status": run_record.RETRAINING,
        "winner": None,
        "test": None,
        "seconds": {"search": 0.0, "retrain": 0.0},
    }
    return Job(
        dataset=dataset,
        training=training,
        validation=validation,
        hypermodel=hypermodel,
        plan=plan,
        record=record,
    )


def _resumed(arguments: argparse.Namespace, folder: RunFolder) -> Job:
    """The run in the folder, as it was started."""
    for option in ("dataset", "data", "image_size", "skip_corrupt", "epochs", "seed"):
        if getattr(arguments, option) is not None:
            raise InputError(
                f"--resume goes on with what {folder.path} was started with: leave out --{option.replace('_', '-')}"
            )
    record = folder.read()
    if record.get("command") != "train":
        again = _entry.command("tune.py", "--run", folder.name, "--resume", runs=arguments.runs)
        raise InputError(f"{folder.path} was made by tune.py: go on with it by {again}")
    dataset = load_run_dataset(record, runs=arguments.runs)
    _entry.load_tensorflow()
    from tuning import run_record
    from tuning.hypermodel import Task, TunableClassifier
    from tuning.records import Plan

    training, validation = dataset.training_and_validation(fraction=run_record.VALIDATION_FRACTION, seed=record["seed"])
    return Job(
        dataset=dataset,
        training=training,
        validation=validation,
        hypermodel=TunableClassifier(Task(image_shape=dataset.image_shape, num_classes=dataset.num_classes)),
        plan=Plan.from_json(record["config"]["plan"]),
        record=record,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chosen:
    """A configuration as it was asked for, and how it is trained; `values` None: the texts of `--set`."""

    settings: TrainingSettings
    values: Configuration | None = None
    texts: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def configuration(self, hypermodel: TunableClassifier) -> Configuration:
        """Raises InputError for what `hypermodel` does not take."""
        return hypermodel.parse(self.texts) if self.values is None else hypermodel.check(self.values)


def _chosen(arguments: argparse.Namespace) -> Chosen:
    if arguments.baseline is not None:
        published = baseline(arguments.baseline)
        return Chosen(values=published.hyperparameters, settings=published.settings)
    if arguments.trial is not None:
        trial = _recorded_trial(arguments)
        return Chosen(values=trial.hyperparameters, settings=trial.settings)
    pairs = [text.partition("=") for text in arguments.set]
    for name, equals, value in pairs:
        if not (name and equals and value):
            raise InputError(f"--set needs NAME=VALUE, like learning_rate=0.003, got {name}{equals}{value}")
    return Chosen(
        texts={name: value for name, _, value in pairs},
        settings=TrainingSettings(epochs=DEFAULT_EPOCHS, schedule=Schedule.WARMUP_COSINE, augmentation=True),
    )


def _recorded_trial(arguments: argparse.Namespace) -> TrialRecord:
    from tuning.journal import Journal
    from tuning.records import TrialRecord
    from tuning.run_folder import open_run

    name, colon, trial_id = arguments.trial.partition(":")
    if not colon:
        raise InputError(f"--trial needs RUN:ID, like tune-1:0003, got {arguments.trial}")
    source = open_run(arguments.runs, name)
    source.read()
    trials = [event for event in Journal(source.journal).read() if isinstance(event, TrialRecord)]
    for trial in trials:
        if trial.trial_id == trial_id:
            return trial
    known = ", ".join(trial.trial_id for trial in trials) or "none"
    raise InputError(f"{source.path} has no trial {trial_id}: it has {known}")


def _train(arguments: argparse.Namespace, folder: RunFolder, job: Job, console: Console) -> _entry.Outcome:
    from rich.markup import escape

    from scripts.parts.stages import Work, look_at_test_set, train_model
    from scripts.parts.terminal import describe
    from tuning import run_record
    from tuning.curves import plot_curves
    from tuning.run_folder import write_json

    record, plan = job.record, job.plan
    console.print(f"run: {escape(str(folder.path))}, seed {record['seed']}, {describe(plan.hyperparameters)}")
    tell_dataset(console, job.dataset, validation=len(job.validation))
    work = Work(dataset=job.dataset, hypermodel=job.hypermodel, folder=folder, console=console)
    if record["status"] == run_record.FINISHED:
        console.print("nothing more to do: the model is trained and evaluated")
    elif record["status"] != run_record.EVALUATING:
        write_json(folder.run_json, record)
        trained = train_model(work, record, plan, training=job.training, validation=job.validation)
        _tell_early_end(console, plan.settings, trained)
        plot_curves(trained.epochs, folder.curves, title=record["config"]["baseline"] or folder.name)
        record = {
            **record,
            "status": run_record.EVALUATING,
            "winner": _described(trained),
            "seconds": {"search": 0.0, "retrain": trained.seconds},
        }
        write_json(folder.run_json, record)
    return _outcome(arguments, look_at_test_set(work, record), work)


def _tell_early_end(console: Console, settings: TrainingSettings, trained: TrainedModel) -> None:
    if len(trained.epochs) < settings.epochs:
        console.print(
            f"stopped after epoch {len(trained.epochs)}: no lower validation loss for {settings.patience} epochs"
        )
    if trained.result_epoch + 1 < len(trained.epochs):
        console.print(f"kept: the weights of epoch {trained.result_epoch + 1}, which has the lowest validation loss")


def _described(trained: TrainedModel) -> dict[str, Any]:
    result = trained.epochs[trained.result_epoch]
    return {
        "trial_id": None,
        "hyperparameters": dict(trained.hyperparameters),
        "val_loss": result.val_loss,
        "val_accuracy": result.val_accuracy,
        "parameters": trained.parameters,
    }


def _outcome(arguments: argparse.Namespace, record: dict[str, Any], work: Work) -> _entry.Outcome:
    from rich.markup import escape

    from tuning.run_folder import read_json

    folder, console = work.folder, work.console
    test, evaluation = record["test"], read_json(folder.evaluation)
    low, high = test["ci95"]
    console.print(
        f"[bold]test accuracy {test['accuracy']:.2%}[/] (95 % interval {low:.2%} to {high:.2%}), validation "
        f"{record['winner']['val_accuracy']:.2%}, precision {evaluation['precision']:.2%}, recall "
        f"{evaluation['recall']:.2%}, F1 {evaluation['f1']:.2%} (means over the classes)"
    )
    tell_fallback(console, work.dataset)
    console.print(f"model: {escape(str(folder.model))}, curves: {escape(str(folder.curves))}")
    if record["config"]["baseline"] is not None:
        published = baseline(record["config"]["baseline"])
        console.print(f"to be reached on MNIST: {published.accuracy:.1%} on the {published.metric} set")
    passed = test["accuracy"] >= (arguments.minimum_accuracy if arguments.minimum_accuracy is not None else -math.inf)
    if not passed:
        console.print(f"[red]below the wanted accuracy of {arguments.minimum_accuracy:.2%}[/]")
    scores = {name: evaluation[name] for name in ("precision", "recall", "f1")}
    return _entry.Outcome(
        result={"run": str(folder.path), "winner": record["winner"], "test": {**test, **scores}},
        passed=passed,
        next_command=_entry.command("export.py", "--run", folder.name, runs=arguments.runs),
    )


if __name__ == "__main__":
    _entry.main(build_parser(), run, requires=[*_entry.TUNING_PACKAGES, "matplotlib"])
