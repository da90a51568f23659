"""Search hyperparameters, retrain the winner on all training images, and open the test set once."""

from __future__ import annotations

import _entry  # isort: skip

import argparse
import dataclasses
import time
from typing import TYPE_CHECKING, Any

from scripts.commands.run_lock import writing_run
from scripts.commands.tune_job import TuneJob, prepare
from scripts.options.config_file import add_config_argument
from scripts.options.data import (
    add_data_arguments,
    asks_for_data,
    load_asked_dataset,
    load_run_dataset,
    tell_dataset,
    tell_fallback,
)
from scripts.options.model import add_model_arguments, tell_code
from scripts.options.search import (
    DEFAULT_ALGORITHM,
    DEFAULT_BUDGET,
    DEFAULT_FINALISTS,
    DEFAULT_MAX_TRIALS,
    DEFAULT_MIN_EPOCHS,
    DEFAULT_OBJECTIVE,
    DEFAULT_REPEATS,
    NO_BUDGET,
    SEARCHED,
    describe_searched,
    read_options,
)
from tuning.errors import InputError
from tuning.oracles.by_name import algorithm_names
from tuning.ranking.pareto import COSTS

if TYPE_CHECKING:
    from scripts.terminal.console import Console
    from tuning.data.dataset import Dataset
    from tuning.loop.budget import Budget
    from tuning.loop.resources import Resources
    from tuning.ranking.choice import SearchResult
    from tuning.runs.run_folder import RunFolder

STARTED = time.perf_counter()
# Of an epoch that has all cores, over one of a search that shares them: 1.67 measured for small models on two.
SPEEDUP_ALONE = 1.5


def build_parser() -> _entry.Parser:
    parser = _entry.parser(
        "Search hyperparameters over MNIST or your own images, retrain the best trial on all training images and "
        "evaluate it on the test set, once."
    )
    add_data_arguments(parser)
    add_model_arguments(parser)
    parser.add_argument(
        "--algorithm", metavar="NAME", help=f"{', '.join(algorithm_names())} (default: {DEFAULT_ALGORITHM})"
    )
    parser.add_argument("--max-trials", type=int, metavar="N", help=f"trials at most (default: {DEFAULT_MAX_TRIALS})")
    parser.add_argument(
        "--objective",
        metavar="METRIC[,COST…]",
        help="what trials are ranked by, any metric that the model reports, as NAME, NAME:min or NAME:max; with "
        f"{' or '.join(COSTS)} behind it, the smallest of the best is chosen (default: {DEFAULT_OBJECTIVE})",
    )
    parser.add_argument("--epochs", type=int, metavar="N", help="epochs per trial (default: by the number of images)")
    parser.add_argument(
        "--min-epochs",
        type=int,
        metavar="N",
        help=f"epochs before halving may stop a trial (default: {DEFAULT_MIN_EPOCHS})",
    )
    parser.add_argument("--max-parameters", type=int, metavar="N", help="do not train models that have more")
    parser.add_argument(
        "--finalists",
        type=int,
        metavar="N",
        help=f"how many of the best are trained again with other seeds (default: {DEFAULT_FINALISTS})",
    )
    parser.add_argument(
        "--repeats", type=int, metavar="N", help=f"how many times; 0 chooses at once (default: {DEFAULT_REPEATS})"
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes that train at the same time; 0 trains in this one (default: one for each core or GPU)",
    )
    parser.add_argument(
        "--trial-timeout", metavar="TIME", help="give an attempt at a trial up after this time, like 90s, 10m or 2h"
    )
    parser.add_argument("--tensorboard", action="store_true", help="write logs for TensorBoard into the run's folder")
    parser.add_argument(
        "--budget",
        metavar="TIME",
        help=f"wall time of the whole command, like 90s, 10m, 2h, or {NO_BUDGET} (default: {DEFAULT_BUDGET})",
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="0 or more; everything random derives from it (default: 0)"
    )
    add_config_argument(parser)
    parser.add_argument("--run", metavar="NAME", help="name of the run (default: a fresh one)")
    parser.add_argument("--resume", action="store_true", help="go on with the run given by --run")
    parser.add_argument("--baselines", action="store_true", help="try the published configurations first")
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
    tell_code(console, options.model_choice)
    dataset = _dataset(arguments, folder)
    _entry.load_tensorflow()
    job = prepare(arguments, folder, dataset, options)
    if arguments.minimum_accuracy is not None and not dataset.is_classification:
        raise InputError(f"{dataset.name} has no classes to be accurate about: leave out --minimum-accuracy")
    with writing_run(arguments, folder, state=state, stem=stem) as folder:
        return _tune(arguments, folder, job, console)


def _dataset(arguments: argparse.Namespace, folder: RunFolder) -> Dataset:
    if not folder.exists:
        return load_asked_dataset(arguments)
    recorded = load_run_dataset(folder.read(), runs=arguments.runs)
    if asks_for_data(arguments):
        asked = load_asked_dataset(arguments, recorded=recorded)
        if asked.digest != recorded.digest:
            raise InputError(
                f"{folder.path} was started with the data {recorded.name} and can't go on with {asked.name}: start a "
                "new run"
            )
    return recorded


def _tune(arguments: argparse.Namespace, folder: RunFolder, job: TuneJob, console: Console) -> _entry.CommandOutcome:
    from scripts.commands.insight import tell_insight, tell_nothing_found
    from scripts.commands.stages import Work, retrain_winner
    from scripts.terminal.progress import counted
    from tuning.environment.devices import default_workers
    from tuning.files.atomic import write_json
    from tuning.loop.budget import Budget
    from tuning.loop.journal import Journal
    from tuning.ranking.choice import result_of
    from tuning.runs import run_record

    journal = Journal(folder.journal)
    trials = journal.trials()
    spent = journal.elapsed + (time.perf_counter() - STARTED)
    workers = job.options.workers if job.options.workers is not None else default_workers()
    # What several trainings share, one has for itself.
    budget = Budget(job.options.budget_seconds, spent=spent, speedup=SPEEDUP_ALONE if workers > 1 else 1.0)
    tell_dataset(console, job.dataset, validation=len(job.data.validation))
    console.print(
        f"run: {folder.path}, {job.config.algorithm} search, at most "
        f"{counted(job.config.max_trials, 'trial')} of {counted(job.record['config']['epochs'], 'epoch')}, "
        f"{counted(workers, 'worker') if workers else 'in this process'}, time limit {job.options.budget} in all, "
        f"seed {job.config.seed}"
    )
    record = job.record
    if job.is_searched:
        stopped_by = record["config"][SEARCHED]["stopped_by"]
        result = result_of(trials, journal.repeats(), job.config, stopped_by=stopped_by)
        result = dataclasses.replace(result, ranges=journal.ranges())
        console.print(f"the search is over, with {counted(len(trials), 'trial')} on record")
    else:
        write_json(folder.run_json, record)
        started = time.perf_counter()
        resources = _resources(job, folder, budget, workers=workers)
        result = _search(job, folder, resources, console)
        searched = record["seconds"]["search"] + time.perf_counter() - started
        record = {
            **record,
            "config": {**record["config"], **describe_searched(job.options, result)},
            "selection": None if result.selection is None else result.selection.as_json(),
            "seconds": {**record["seconds"], "search": searched},
        }
        write_json(folder.run_json, record)
    if result.winner is None:
        write_json(folder.run_json, {**record, "status": run_record.FAILED})
        tell_nothing_found(console, job, result)
        return _entry.CommandOutcome(result={"run": str(folder.path), "trials": len(result.trials)}, passed=False)
    work = Work(job=job, folder=folder, console=console)
    tell_insight(console, job, result)
    completed = retrain_winner(work, record, result, budget)
    if record["status"] == run_record.FINISHED and completed["winner"] == record["winner"]:
        if len(result.trials) > len(trials):
            console.print(f"the winner stays trial {result.winner.trial_id}, and its model is as it was")
        else:
            more = {"max_trials": "; a larger --max-trials goes on", "budget": "; a larger --budget goes on"}
            console.print(f"nothing more to do: the model is trained and evaluated{more.get(result.stopped_by, '')}")
    return _outcome(arguments, completed, result, folder, job.dataset, console)


def _resources(job: TuneJob, folder: RunFolder, budget: Budget, *, workers: int) -> Resources:
    from tuning.loop.resources import Resources
    from tuning.plugins.tensorboard_logs import tensorboard_factory

    logs = [tensorboard_factory(folder.path.resolve() / "tensorboard")] if job.options.tensorboard else []
    return Resources(
        budget=budget,
        workers=workers,
        trial_timeout=job.options.timeout_seconds,
        factories=(*job.factories, *logs),
    )


def _search(job: TuneJob, folder: RunFolder, resources: Resources, console: Console) -> SearchResult:
    from scripts.terminal.progress import SearchProgress, counted
    from tuning._search import search
    from tuning.loop.journal import Journal
    from tuning.records import TrialStatus

    def seconds_left() -> float:
        return resources.budget.remaining_for_search(None, examples_ratio=1.0, epochs=1)

    workers = resources.workers if resources.workers is not None else 1
    done = [trial.trial_id for trial in Journal(folder.journal).trials() if trial.status is not TrialStatus.SKIPPED]
    with SearchProgress(console, job.config, workers=workers, search_seconds_left=seconds_left, done=done) as progress:
        result = search(job.builder, job.data, folder.path, job.config, resources=resources, observer=progress)
    why = {
        "max_trials": "all trials are done",
        "budget": "the time is used up" if result.winner is None else "the rest of the time is for retraining",
        "space": "the space has no more to try",
        "skipped": "all that was drawn at last was impossible or had more parameters than allowed",
    }
    console.print(f"search ended after {counted(len(result.trials), 'trial')}: {why[result.stopped_by]}")
    return result


def _outcome(
    arguments: argparse.Namespace,
    record: dict[str, Any],
    result: SearchResult,
    folder: RunFolder,
    dataset: Dataset,
    console: Console,
) -> _entry.CommandOutcome:
    from scripts.commands.insight import tell_collapse
    from scripts.commands.promise import tell_promise
    from scripts.terminal.console import red
    from scripts.terminal.progress import describe, describe_test

    test, winner = record["test"], record["winner"]
    console.print(f"winner: trial {winner['trial_id']}, {winner['parameters']} parameters")
    console.print(f"        {describe(winner['hyperparameters'])}")
    console.print(*describe_test(test, examples=len(dataset.test)), f"; look {test['looks']} at the test set")
    tell_fallback(console, dataset)
    console.print(f"model: {folder.written_model}, all trials, best first: {folder.trials_csv}")
    passed = arguments.minimum_accuracy is None or test["accuracy"] >= arguments.minimum_accuracy
    if not passed:
        console.print(red(f"below the wanted accuracy of {arguments.minimum_accuracy:.2%}"))
    is_kept = tell_promise(console, folder)
    if is_kept:
        tell_collapse(console, test, winner)
    return _entry.CommandOutcome(
        result={"run": str(folder.path), "trials": len(result.trials), "winner": winner, "test": test},
        passed=passed and is_kept,
        next_command=_entry.command("export.py", "--run", folder.name, runs=arguments.runs) if is_kept else "",
    )


if __name__ == "__main__":
    _entry.main(build_parser(), run, requires=_entry.TUNING_PACKAGES)
