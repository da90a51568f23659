"""Train one configuration as a run of its own: a published baseline, a trial of a search, or values given."""

from __future__ import annotations

import _entry  # isort: skip

import argparse
import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scripts.parts.data import add_data_arguments, load_asked_dataset, tell_dataset, tell_fallback
from tuning.baselines import BASELINES, baseline
from tuning.errors import InputError
from tuning.records import Schedule, TrainingSettings

if TYPE_CHECKING:
    from rich.console import Console

    from tuning.dataset import Dataset
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
    parser.add_argument(
        "--epochs", type=int, metavar="N", help=f"epochs (default: the published ones, else {DEFAULT_EPOCHS})"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="0 or more (default: 0)")
    parser.add_argument("--run", metavar="NAME", help="name of the new run (default: a fresh one)")
    parser.add_argument(
        "--minimum-accuracy", type=float, metavar="A", help="exit 1 if the test accuracy (0 to 1) is below"
    )
    return parser


def run(arguments: argparse.Namespace) -> _entry.Outcome:
    from scripts.parts.terminal import describe, make_console
    from tuning.run_folder import fresh_name, open_run

    console = make_console(json_output=arguments.json)
    if arguments.seed < 0:
        raise InputError(f"--seed must be 0 or more, got {arguments.seed}")
    if arguments.epochs is not None and arguments.epochs < 1:
        raise InputError(f"--epochs must be 1 or more, got {arguments.epochs}")
    if arguments.minimum_accuracy is not None and not 0 <= arguments.minimum_accuracy <= 1:
        raise InputError(f"--minimum-accuracy must be 0 to 1, got {arguments.minimum_accuracy}")
    stem = baseline(arguments.baseline).name if arguments.baseline is not None else "train"
    folder = open_run(arguments.runs, arguments.run or fresh_name(arguments.runs, stem))
    if folder.exists:
        raise InputError(f"{folder.path} already holds a run: choose another --run")
    chosen = _chosen(arguments)
    dataset = load_asked_dataset(arguments)
    _entry.load_tensorflow()
    from tuning.hypermodel import Task, TunableClassifier
    from tuning.records import Plan
    from tuning.seeds import derive_seed

    hypermodel = TunableClassifier(Task(image_shape=dataset.image_shape, num_classes=dataset.num_classes))
    configuration = chosen.configuration(hypermodel)
    settings = chosen.settings
    if arguments.epochs is not None:
        settings = dataclasses.replace(settings, epochs=arguments.epochs)
    console.print(f"run: {folder.path}, seed {arguments.seed}, {describe(configuration)}")
    plan = Plan(hyperparameters=configuration, settings=settings, seed=derive_seed(arguments.seed, "train"))
    folder.path.mkdir(parents=True, exist_ok=True)
    with _entry.writing_to(folder.path), folder.locked():
        return _train(arguments, folder, dataset, hypermodel, plan, console)


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


def _train(
    arguments: argparse.Namespace,
    folder: RunFolder,
    dataset: Dataset,
    hypermodel: TunableClassifier,
    plan: Plan,
    console: Console,
) -> _entry.Outcome:
    from scripts.parts.stages import look_at_test_set
    from scripts.parts.terminal import TrainingProgress
    from tuning import run_record
    from tuning.curves import plot_curves
    from tuning.retrain import train_and_save
    from tuning.run_folder import write_json
    from tuning.trial import Watch

    training, validation = dataset.split_validation(fraction=run_record.VALIDATION_FRACTION, seed=arguments.seed)
    tell_dataset(console, dataset, validation=len(validation))
    record: dict[str, Any] = {
        "command": "train",
        "dataset": run_record.describe_dataset(dataset, validation=len(validation), path=arguments.data),
        "config": {"baseline": arguments.baseline, "trial": arguments.trial, "settings": plan.settings.as_json()},
        "seed": arguments.seed,
        "versions": run_record.describe_versions(),
        "status": run_record.RETRAINING,
        "winner": None,
        "test": None,
        "seconds": {"search": 0.0, "retrain": 0.0},
    }
    write_json(folder.run_json, record)
    with TrainingProgress(console, plan.settings, title="training") as progress:
        watch = Watch(on_epoch=progress.epoch_finished)
        trained = train_and_save(hypermodel, plan, training, folder, validation=validation, watch=watch)
    plot_curves(trained.epochs, folder.curves, title=arguments.baseline or folder.name)
    record = {
        **record,
        "status": run_record.EVALUATING,
        "winner": _described(trained),
        "seconds": {"search": 0.0, "retrain": trained.seconds},
    }
    write_json(folder.run_json, record)
    record = look_at_test_set(record, dataset, folder)
    return _outcome(arguments, record, folder, dataset, console)


def _described(trained: TrainedModel) -> dict[str, Any]:
    result = trained.epochs[trained.result_epoch]
    return {
        "trial_id": None,
        "hyperparameters": dict(trained.hyperparameters),
        "val_loss": result.val_loss,
        "val_accuracy": result.val_accuracy,
        "parameters": trained.parameters,
    }


def _outcome(
    arguments: argparse.Namespace, record: dict[str, Any], folder: RunFolder, dataset: Dataset, console: Console
) -> _entry.Outcome:
    from tuning.run_folder import read_json

    test, evaluation = record["test"], read_json(folder.evaluation)
    low, high = test["ci95"]
    console.print(
        f"[bold]test accuracy {test['accuracy']:.2%}[/] (95 % interval {low:.2%} to {high:.2%}), validation "
        f"{record['winner']['val_accuracy']:.2%}, precision {evaluation['precision']:.2%}, recall "
        f"{evaluation['recall']:.2%}, F1 {evaluation['f1']:.2%} (means over the classes)"
    )
    tell_fallback(console, dataset)
    console.print(f"model: {folder.model}, curves: {folder.curves}")
    if arguments.baseline is not None:
        published = baseline(arguments.baseline)
        console.print(f"to be reached on MNIST: {published.accuracy:.1%} on the {published.metric} set")
    passed = test["accuracy"] >= (arguments.minimum_accuracy if arguments.minimum_accuracy is not None else -math.inf)
    if not passed:
        console.print(f"[red]below the wanted accuracy of {arguments.minimum_accuracy:.2%}[/]")
    scores = {name: evaluation[name] for name in ("precision", "recall", "f1")}
    return _entry.Outcome(
        result={"run": str(folder.path), "winner": record["winner"], "test": {**test, **scores}},
        passed=passed,
        next_command=f"python scripts/export.py --run {folder.name}",
    )


if __name__ == "__main__":
    _entry.main(build_parser(), run)
