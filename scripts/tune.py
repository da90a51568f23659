"""Search hyperparameters, retrain the winner on all training images, and open the test set once."""

from __future__ import annotations

import _entry  # isort: skip

import argparse
import dataclasses
import time
from typing import TYPE_CHECKING, Any

from scripts._data import add_data_arguments, load_asked_dataset, tell_dataset, tell_fallback
from tuning.records import ALGORITHMS

if TYPE_CHECKING:
    from rich.console import Console

    from tuning.budget import Budget
    from tuning.dataset import Dataset
    from tuning.hypermodel import TunableClassifier
    from tuning.records import Configuration, SearchConfig, SearchResult, TrainingSettings
    from tuning.run_folder import RunFolder
    from tuning.search import SearchData

STARTED = time.perf_counter()
DEFAULT_MAX_TRIALS = 20
DEFAULT_BUDGET = "8m"
DEFAULT_ALGORITHM = "random"


def build_parser() -> _entry.Parser:
    parser = _entry.parser(
        "Search hyperparameters over MNIST or your own images, retrain the best trial on all training images and "
        "evaluate it on the test set, once."
    )
    add_data_arguments(parser)
    parser.add_argument("--algorithm", metavar="NAME", help=f"{', '.join(ALGORITHMS)} (default: {DEFAULT_ALGORITHM})")
    parser.add_argument("--max-trials", type=int, metavar="N", help=f"trials at most (default: {DEFAULT_MAX_TRIALS})")
    parser.add_argument("--epochs", type=int, metavar="N", help="epochs per trial (default: by the number of images)")
    parser.add_argument(
        "--budget",
        metavar="TIME",
        help=f"wall time of the whole command, like 90s, 10m, 2h, or none (default: {DEFAULT_BUDGET})",
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="0 or more; everything random derives from it (default: 0)"
    )
    parser.add_argument("--run", metavar="NAME", help="name of the run (default: a fresh one)")
    parser.add_argument("--resume", action="store_true", help="go on with the run given by --run")
    parser.add_argument("--baselines", action="store_true", help="try the published configurations first")
    parser.add_argument(
        "--minimum-accuracy", type=float, metavar="A", help="exit 1 if the test accuracy (0 to 1) is below"
    )
    return parser


def run(arguments: argparse.Namespace) -> _entry.Outcome:
    from scripts._terminal import make_console
    from tuning.errors import InputError
    from tuning.run_folder import fresh_name, open_run

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
    options = _options(arguments, folder)
    dataset = _dataset(arguments, folder)
    _entry.load_tensorflow()
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        with _entry.writing_to(folder.path), folder.locked():
            return _tune(arguments, folder, dataset, options, console)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"everything finished so far is saved; continue with python scripts/tune.py --run {folder.name} --resume"
        ) from None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """The options of a run: given ones, else the recorded ones of a resumed run, else the defaults."""

    algorithm: str
    max_trials: int
    epochs: int | None
    budget: str
    seed: int
    baselines: bool


def _options(arguments: argparse.Namespace, folder: RunFolder) -> Options:
    from tuning.budget import parse_duration
    from tuning.errors import InputError
    from tuning.run_record import require_unchanged

    recorded: dict[str, Any] = folder.read()["config"] if folder.exists else {}
    if recorded and "max_trials" not in recorded:
        raise InputError(f"{folder.path} was made by train.py and holds no search to resume")
    if recorded:
        fixed = {
            name: getattr(arguments, name)
            for name in ("algorithm", "epochs", "seed")
            if getattr(arguments, name) is not None
        }
        if arguments.baselines:
            fixed["baselines"] = True
        require_unchanged(folder, recorded, fixed)

    def value(name: str, default: Any) -> Any:
        given = getattr(arguments, name)
        return given if given is not None else recorded.get(name, default)

    options = Options(
        algorithm=value("algorithm", DEFAULT_ALGORITHM),
        max_trials=value("max_trials", DEFAULT_MAX_TRIALS),
        epochs=value("epochs", None),
        budget=value("budget", DEFAULT_BUDGET),
        seed=value("seed", 0),
        baselines=bool(arguments.baselines or recorded.get("baselines", False)),
    )
    if options.algorithm not in ALGORITHMS:
        raise InputError(f"unknown algorithm {options.algorithm}: choose one of {', '.join(ALGORITHMS)}")
    for name, least in (("max_trials", 1), ("epochs", 1), ("seed", 0)):
        given = getattr(options, name)
        if given is not None and given < least:
            raise InputError(f"--{name.replace('_', '-')} must be {least} or more, got {given}")
    if options.max_trials < recorded.get("max_trials", 1):
        raise InputError(
            f"--max-trials {options.max_trials} is less than the {recorded['max_trials']} that {folder.path} was "
            "started with: give more to extend it, or leave it out"
        )
    if options.budget != "none":
        parse_duration(options.budget)
    return options


def _dataset(arguments: argparse.Namespace, folder: RunFolder) -> Dataset:
    from tuning.errors import InputError
    from tuning.run_record import load_recorded_dataset

    if not folder.exists:
        return load_asked_dataset(arguments)
    record = folder.read()
    recorded = load_recorded_dataset(record)
    if arguments.data is not None or arguments.dataset is not None:
        asked = load_asked_dataset(arguments)
        if asked.digest != recorded.digest:
            raise InputError(
                f"{folder.path} was started with the data {recorded.name} and can't go on with {asked.name}: start a "
                "new run"
            )
    return dataclasses.replace(recorded, fallback_reason=record["dataset"]["fallback_reason"] or "")


def _tune(
    arguments: argparse.Namespace, folder: RunFolder, dataset: Dataset, options: Options, console: Console
) -> _entry.Outcome:
    from scripts._stages import retrain_winner
    from tuning import run_record
    from tuning.budget import Budget, parse_duration
    from tuning.hypermodel import Task, TunableClassifier
    from tuning.journal import Journal
    from tuning.records import SearchConfig, TrialRecord
    from tuning.run_folder import write_json
    from tuning.search import SearchData, default_epochs

    hypermodel = TunableClassifier(Task(image_shape=dataset.image_shape, num_classes=dataset.num_classes))
    training, validation = dataset.split_validation(fraction=run_record.VALIDATION_FRACTION, seed=options.seed)
    config = SearchConfig(
        algorithm=options.algorithm,
        max_trials=options.max_trials,
        epochs=options.epochs if options.epochs is not None else default_epochs(len(training)),
        seed=options.seed,
        enqueued=_known_configurations(options, hypermodel),
    )
    record: dict[str, Any] = {
        "command": "tune",
        "dataset": run_record.describe_dataset(dataset, validation=len(validation), path=arguments.data),
        "config": {
            **dataclasses.asdict(options),
            "epochs": config.epochs,
            "space": {name: str(values) for name, values in hypermodel.ranges.items()},
        },
        "seed": options.seed,
        "versions": run_record.describe_versions(),
        "status": run_record.SEARCHING,
        "winner": None,
        "test": None,
        "seconds": {"search": 0.0, "retrain": 0.0},
    }
    if folder.exists:
        before = folder.read()
        record = {**before, "config": {**before["config"], **record["config"]}}
        run_record.require_unchanged(folder, before["config"], {"space": record["config"]["space"]})
    spent = sum(event.seconds for event in Journal(folder.journal).read() if isinstance(event, TrialRecord))
    seconds = None if options.budget == "none" else parse_duration(options.budget)
    budget = Budget(seconds, spent=spent + (time.perf_counter() - STARTED))
    tell_dataset(console, dataset, validation=len(validation))
    console.print(
        f"run: {folder.path}, {config.algorithm} search, at most {config.max_trials} trials of {config.epochs} epochs, "
        f"{'no time limit' if seconds is None else options.budget + ' in all'}, seed {config.seed}"
    )
    write_json(folder.run_json, record)
    data = SearchData(training=training, validation=validation)
    result, search_seconds = _search(hypermodel, config, data, folder, budget, console)
    record["seconds"]["search"] = record["seconds"]["search"] + search_seconds
    if result.winner is None:
        write_json(folder.run_json, {**record, "status": run_record.FAILED})
        reasons = "; ".join(sorted({trial.reason for trial in result.trials}))
        console.print(f"[red]every trial failed:[/] {reasons}")
        return _entry.Outcome(result={"run": str(folder.path), "trials": len(result.trials)}, passed=False)
    completed = retrain_winner(record, result.winner, hypermodel, dataset, folder, budget, console)
    if record["status"] == run_record.FINISHED and completed["winner"] == record["winner"]:
        console.print(
            "nothing more to do: the winner is retrained and evaluated (a larger --max-trials extends the run)"
        )
    return _outcome(arguments, completed, result, folder, dataset, console)


def _known_configurations(
    options: Options, hypermodel: TunableClassifier
) -> tuple[tuple[Configuration, TrainingSettings | None], ...]:
    """What to try before the oracle is asked: the baselines if wanted, then the default configuration.

    Grid search starts with the default configuration by itself.
    """
    from tuning.baselines import BASELINES
    from tuning.errors import InputError

    known: list[tuple[Configuration, TrainingSettings | None]] = []
    for published in BASELINES.values() if options.baselines else ():
        try:
            known.append((hypermodel.check(published.hyperparameters), published.settings))
        except InputError as error:
            height, width, _ = hypermodel.task.image_shape
            raise InputError(
                f"the baseline {published.name} does not fit images of {height}×{width}: leave out --baselines"
            ) from error
    if options.algorithm != "grid":
        known.append((hypermodel.default_configuration(), None))
    return tuple(known)


def _search(
    hypermodel: TunableClassifier,
    config: SearchConfig,
    data: SearchData,
    folder: RunFolder,
    budget: Budget,
    console: Console,
) -> tuple[SearchResult, float]:
    from scripts._terminal import SearchProgress
    from tuning.retrain import wanted_epochs
    from tuning.search import search

    def seconds_left() -> float:
        wanted = wanted_epochs(len(data.training) + len(data.validation))
        return budget.remaining_for_search(None, examples_ratio=data.retraining_ratio, epochs=wanted)

    started = time.perf_counter()
    with SearchProgress(console, config, search_seconds_left=seconds_left) as progress:
        result = search(hypermodel, config, data, folder, budget=budget, observer=progress)
    why = {"max_trials": "all trials are done", "budget": "the rest of the time is for retraining"}
    console.print(
        f"search ended after {len(result.trials)} trials: {why.get(result.stopped_by, 'the space has no more to try')}"
    )
    return result, time.perf_counter() - started


def _outcome(
    arguments: argparse.Namespace,
    record: dict[str, Any],
    result: SearchResult,
    folder: RunFolder,
    dataset: Dataset,
    console: Console,
) -> _entry.Outcome:
    from scripts._terminal import describe

    test, winner = record["test"], record["winner"]
    low, high = test["ci95"]
    console.print(f"winner: trial {int(winner['trial_id']) + 1}, {winner['parameters']} parameters")
    console.print(f"        {describe(winner['hyperparameters'])}")
    errors = round((1 - test["accuracy"]) * len(dataset.test))
    console.print(
        f"[bold]test accuracy {test['accuracy']:.2%}[/] (95 % interval {low:.2%} to {high:.2%}; {errors} of "
        f"{len(dataset.test)} wrong; look {test['looks']} at the test set)"
    )
    tell_fallback(console, dataset)
    console.print(f"model: {folder.model}")
    passed = arguments.minimum_accuracy is None or test["accuracy"] >= arguments.minimum_accuracy
    if not passed:
        console.print(f"[red]below the wanted accuracy of {arguments.minimum_accuracy:.2%}[/]")
    return _entry.Outcome(
        result={"run": str(folder.path), "trials": len(result.trials), "winner": winner, "test": test},
        passed=passed,
        next_command=f"python scripts/export.py --run {folder.name}",
    )


if __name__ == "__main__":
    _entry.main(build_parser(), run)
