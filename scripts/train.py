"""Train one configuration as a run of its own: a published baseline, a trial of a search, or values given."""

from __future__ import annotations

from typing import TYPE_CHECKING

# A command is run as a file: its own folder is where Python looks first.
if TYPE_CHECKING:
    from scripts import _entry
else:
    import _entry

import argparse

from scripts.commands.outcome import reaches
from scripts.commands.run_lock import writing_run
from scripts.commands.train_job import DEFAULT_EPOCHS, TrainJob, new_job, resume_job
from scripts.options.config_file import add_config_argument
from scripts.options.data import TrainingDataChoice, tell_dataset, tell_fallback
from scripts.options.model import ModelChoice
from tuning.errors import InputError
from tuning.models.baselines import BASELINES, baseline

if TYPE_CHECKING:
    from scripts.terminal.console import Console
    from tuning.data.dataset import Dataset
    from tuning.runs.run_folder import RunFolder
    from tuning.runs.run_record import TrainRun


def build_parser() -> _entry.Parser:
    parser = _entry.parser(
        "Train one configuration as a run of its own, validate every epoch, plot the curves, and evaluate it on the "
        "test set, once."
    )
    parser.add_options(TrainingDataChoice)
    parser.add_options(ModelChoice)
    add_config_argument(parser)
    parser.add_alternatives(
        {
            "--baseline": {
                "metavar": "NAME",
                "help": f"with its own published settings: {', '.join(BASELINES)}",
            },
            "--trial": {"metavar": "RUN:ID", "help": "a trial of a search, like tune-1:0003"},
            "--set": {
                "action": "append",
                "metavar": "NAME=VALUE",
                "help": "hyperparameters, like learning_rate=0.003; may be repeated",
            },
            "--resume": {"action": "store_true", "help": "go on with the run given by --run, as it was started"},
        },
        required=True,
    )
    parser.add_argument(
        "--epochs", type=int, metavar="N", help=f"epochs (default: the published ones, else {DEFAULT_EPOCHS})"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="0 or more (default: 0)")
    parser.add_argument("--run", metavar="NAME", help="name of the new run (default: a fresh one)")
    parser.add_argument(
        "--minimum-accuracy", type=float, metavar="A", help="exit 1 if the test accuracy (0 to 1) is below"
    )
    return parser


def run(arguments: argparse.Namespace) -> _entry.CommandOutcome:
    from scripts.terminal.console import make_console
    from tuning.runs.run_folder import fresh_name, open_run

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
            f"{folder.path} already holds a run: choose another --run, or resume it with --resume instead of "
            "--baseline, --trial or --set"
        )
    state = folder.state()
    job = resume_job(arguments, folder, console) if arguments.resume else new_job(arguments, console)
    if arguments.minimum_accuracy is not None and not job.dataset.is_classification:
        raise InputError(f"{job.dataset.name} has no classes to be accurate about: leave out --minimum-accuracy")
    with writing_run(arguments, folder, state=state, stem=stem) as folder:
        return _train(arguments, folder, job, console)


def _train(arguments: argparse.Namespace, folder: RunFolder, job: TrainJob, console: Console) -> _entry.CommandOutcome:
    from scripts.commands.train_progress import TrainProgress
    from scripts.terminal.progress import describe
    from tuning.lifecycle.run_work import RunWork
    from tuning.lifecycle.steps import complete_training_run
    from tuning.runs.run_record import RunStatus

    record = job.record
    console.print(f"run: {folder.path}, seed {record.seed}, {describe(record.config.plan.hyperparameters)}")
    tell_dataset(console, job.dataset, validation=len(job.data.validation))
    if record.status is RunStatus.FINISHED:
        console.print("nothing more to do: the model is trained and evaluated")
    work = RunWork(
        folder=folder,
        dataset=job.dataset,
        data=job.data,
        builder=job.builder,
        factories=job.factories,
        observer=TrainProgress(console, folder, job),
    )
    return _outcome(arguments, complete_training_run(work, record), folder, job.dataset, console)


def _outcome(
    arguments: argparse.Namespace, record: TrainRun, folder: RunFolder, dataset: Dataset, console: Console
) -> _entry.CommandOutcome:
    from scripts.terminal.console import red
    from scripts.terminal.progress import describe_test
    from tuning.runs.evaluation_record import Evaluation
    from tuning.runs.training_file import read_evaluation

    test, winner, evaluation = record.test, record.winner, read_evaluation(folder.evaluation)
    scores = evaluation.scores if isinstance(evaluation, Evaluation) else {}
    assert test is not None
    assert winner is not None
    console.print(*describe_test(test, examples=len(dataset.test)))
    titles = {"f1": "F1"}
    facts = [] if winner.val_accuracy is None else [f"validation accuracy {winner.val_accuracy:.2%}"]
    facts += [f"{titles.get(name, name)} {value:.2%}" for name, value in scores.items()]
    if scores:
        console.print(f"{', '.join(facts)} (means over the classes)")
    tell_fallback(console, dataset)
    console.print(f"model: {folder.written_model}, curves: {folder.curves}")
    if record.config.baseline is not None:
        published = baseline(record.config.baseline)
        console.print(f"to be reached on MNIST: {published.accuracy:.1%} on the {published.metric} set")
    passed = reaches(arguments.minimum_accuracy, test)
    if not passed:
        console.print(red(f"below the wanted accuracy of {arguments.minimum_accuracy:.2%}"))
    return _entry.CommandOutcome(
        result={"run": str(folder.path), "winner": winner.as_json(), "test": {**test.as_json(), **scores}},
        passed=passed,
        next_command=_entry.command("export.py", "--run", folder.name, runs=arguments.runs),
    )


if __name__ == "__main__":
    _entry.main(build_parser(), run, requires=[*_entry.TUNING_PACKAGES, "matplotlib"])
