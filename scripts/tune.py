"""Search hyperparameters, retrain the winner on all training images, and open the test set once."""

from __future__ import annotations

from typing import TYPE_CHECKING

# A command is run as a file: its own folder is where Python looks first.
if TYPE_CHECKING:
    from scripts import _entry
else:
    import _entry

import argparse
import contextlib
import time

from scripts.commands.outcome import reaches
from scripts.commands.run_lock import writing_run
from scripts.commands.tune_job import TuneJob, prepare
from scripts.options.config_file import add_config_argument
from scripts.options.data import (
    TrainingDataChoice,
    load_run_dataset,
    tell_dataset,
    tell_fallback,
)
from scripts.options.model import tell_code
from scripts.options.search import SearchOptions, read_options
from tuning.errors import InputError

if TYPE_CHECKING:
    from scripts.terminal.console import Console
    from tuning.data.dataset import Dataset
    from tuning.lifecycle.steps import CompletedRun
    from tuning.ranking.choice import SearchResult
    from tuning.runs.run_folder import RunFolder

STARTED = time.perf_counter()
# Of an epoch that has all cores, over one of a search that shares them: on two, 1.5 measured for a small model and 2.4
# for a large one.
SPEEDUP_ALONE = 1.8


def build_parser() -> _entry.Parser:
    parser = _entry.parser(
        "Search hyperparameters over MNIST or your own images, retrain the best trial on all training images and "
        "evaluate it on the test set, once."
    )
    parser.add_options(TrainingDataChoice)
    parser.add_options(SearchOptions)
    add_config_argument(parser)
    parser.add_argument("--run", metavar="NAME", help="name of the run (default: a fresh one)")
    parser.add_argument("--resume", action="store_true", help="go on with the run given by --run")
    parser.add_argument(
        "--minimum-accuracy", type=float, metavar="A", help="exit 1 if the test accuracy (0 to 1) is below"
    )
    return parser


def run(arguments: argparse.Namespace) -> _entry.CommandOutcome:
    from scripts.terminal.console import make_console
    from tuning.runs.run_folder import fresh_name, open_run

    console = make_console(json_output=arguments.json)
    if arguments.resume and arguments.run is None:
        raise InputError("--resume needs --run NAME: say which run to go on with")
    if arguments.minimum_accuracy is not None and not 0 <= arguments.minimum_accuracy <= 1:
        raise InputError(f"--minimum-accuracy must be 0 to 1, got {arguments.minimum_accuracy}")
    stem = "digits" if arguments.dataset == "digits" else "tune"
    name = arguments.run if arguments.run is not None else fresh_name(arguments.runs, stem)
    folder = open_run(arguments.runs, name)
    if folder.exists and not arguments.resume:
        raise InputError(f"{folder.path} already holds a run: pass --resume to continue it or choose another --run")
    if arguments.resume and not folder.exists:
        raise InputError(f"there is no run {folder.path} to resume: leave out --resume to start it")
    state = folder.state()
    options = read_options(arguments, folder)
    tell_code(console, options)
    dataset = _dataset(arguments, folder)
    _entry.load_tensorflow(trains_halves=options.model is None)
    if arguments.minimum_accuracy is not None and not dataset.is_classification:
        raise InputError(f"{dataset.name} has no classes to be accurate about: leave out --minimum-accuracy")
    with (
        contextlib.closing(prepare(arguments, folder, dataset, options)) as job,
        writing_run(arguments, folder, state=state, stem=stem) as folder,
    ):
        return _tune(arguments, folder, job, console)


def _dataset(arguments: argparse.Namespace, folder: RunFolder) -> Dataset:
    choice = TrainingDataChoice.of(arguments)
    if not folder.exists:
        return choice.load(runs=arguments.runs, seed=arguments.seed)
    recorded = load_run_dataset(folder.read(), runs=arguments.runs)
    if choice.is_asked:
        asked = choice.load(runs=arguments.runs, seed=arguments.seed, recorded=recorded)
        if asked.digest != recorded.digest:
            raise InputError(
                f"{folder.path} was started with the data {recorded.name} and can't go on with {asked.name}: start a "
                "new run"
            )
    return recorded


def _tune(arguments: argparse.Namespace, folder: RunFolder, job: TuneJob, console: Console) -> _entry.CommandOutcome:
    from scripts.commands.insight import tell_nothing_found, tell_rest
    from scripts.commands.tune_progress import TuneProgress
    from scripts.terminal.console import yellow
    from scripts.terminal.progress import count_of
    from tuning.environment.devices import default_workers
    from tuning.files.sizes import parse_size
    from tuning.lifecycle.run_work import RunWork
    from tuning.lifecycle.steps import complete_search_run
    from tuning.loop.budget import Budget
    from tuning.loop.journal import Journal
    from tuning.loop.resources import Resources
    from tuning.runs.run_record import RunStatus

    journal = Journal(folder.journal)
    trials = journal.trials()
    spent = journal.elapsed + (time.perf_counter() - STARTED)
    options, config, data = job.options, job.search.config, job.search.data
    workers = options.workers if options.workers is not None else default_workers()
    # What several trainings share, one has for itself.
    budget = Budget(options.budget_seconds, spent=spent, speedup=SPEEDUP_ALONE if workers > 1 else 1.0)
    tell_dataset(console, job.dataset, validation=len(data.validation))
    console.print(
        f"run: {folder.path}, {config.algorithm} search, at most "
        f"{count_of(config.max_trials, 'trial')} of {count_of(job.record.config.epochs, 'epoch')}, "
        f"{count_of(workers, 'worker') if workers else 'in this process'}, time limit {options.budget} in all, "
        f"seed {config.seed}"
    )
    for note in job.search.notes:
        console.print(yellow("note: "), note)
    resources = Resources(
        budget=budget,
        workers=workers,
        trial_timeout=options.timeout_seconds,
        keep_states=parse_size(options.keep_states),
        factories=(*job.factories, *job.logs),
    )
    work = RunWork(
        folder=folder,
        dataset=job.dataset,
        data=data,
        builder=job.search.builder,
        factories=job.factories,
        observer=TuneProgress(console, folder, job),
    )
    completed = complete_search_run(work, job.record, job.search, resources=resources)
    result = completed.result
    if result.winner is None:
        tell_nothing_found(console, job, result)
        return _entry.CommandOutcome(result={"run": str(folder.path), "trials": len(result.trials)}, passed=False)
    if job.record.status is RunStatus.FINISHED and completed.record.winner == job.record.winner:
        _tell_unchanged(console, result, is_longer=len(result.trials) > len(trials))
    else:
        tell_rest(console, budget, result)
    return _outcome(arguments, completed, folder, job.dataset, console)


def _tell_unchanged(console: Console, result: SearchResult, *, is_longer: bool) -> None:
    from tuning.records import StopReason

    assert result.winner is not None
    if is_longer:
        console.print(f"the winner stays trial {result.winner.trial_id}, and its model is as it was")
        return
    more = {
        StopReason.MAX_TRIALS: "; continue with a larger --max-trials",
        StopReason.BUDGET: "; continue with a larger --budget",
    }
    console.print(f"nothing more to do: the model is trained and evaluated{more.get(result.stopped_by, '')}")


def _outcome(
    arguments: argparse.Namespace, completed: CompletedRun, folder: RunFolder, dataset: Dataset, console: Console
) -> _entry.CommandOutcome:
    from scripts.commands.insight import tell_collapse
    from scripts.commands.promise import tell_promise
    from scripts.terminal.console import red
    from scripts.terminal.progress import describe, describe_test

    test, winner = completed.record.test, completed.record.winner
    assert test is not None
    assert winner is not None
    console.print(f"winner: trial {winner.trial_id}, {winner.parameters} parameters")
    console.print(f"        {describe(winner.hyperparameters)}")
    console.print(*describe_test(test, examples=len(dataset.test)), f"; look {test.looks} at the test set")
    tell_fallback(console, dataset)
    console.print(f"model: {folder.written_model}, all trials, best first: {folder.trials_csv}")
    passed = reaches(arguments.minimum_accuracy, test)
    if not passed:
        console.print(red(f"below the wanted accuracy of {arguments.minimum_accuracy:.2%}"))
    is_kept = tell_promise(console, folder)
    if is_kept:
        tell_collapse(console, test, winner)
    trials = len(completed.result.trials)
    return _entry.CommandOutcome(
        result={"run": str(folder.path), "trials": trials, "winner": winner.as_json(), "test": test.as_json()},
        passed=passed and is_kept,
        next_command=_entry.command("export.py", "--run", folder.name, runs=arguments.runs) if is_kept else "",
    )


if __name__ == "__main__":
    _entry.main(build_parser(), run, requires=_entry.TUNING_PACKAGES)
