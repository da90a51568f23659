"""The options of tune.py that say what is searched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scripts.options.declared import extensible_options, option
from scripts.options.model import ModelChoice
from scripts.options.resuming import require_command
from tuning.errors import InputError
from tuning.files.sizes import parse_size
from tuning.loop.budget import parse_duration
from tuning.oracles.by_name import algorithm_names
from tuning.ranking.objective import parse_objectives
from tuning.ranking.pareto import COSTS
from tuning.records import SearchConfig
from tuning.space.first_file import configurations_from

if TYPE_CHECKING:
    import argparse

    from tuning.runs.run_folder import RunFolder
    from tuning.settings import Configuration, TrainingSettings
    from tuning.training.builder import ModelBuilder

NO_BUDGET = "none"
_USUAL = SearchConfig()


@dataclass(frozen=True, kw_only=True)
class SearchOptions(ModelChoice):
    """What a search is asked for, as on the command line. `budget`: a duration, or none."""

    algorithm: str = option(", ".join(algorithm_names()), metavar="NAME", default=_USUAL.algorithm)
    max_trials: int = option("trials at most", default=_USUAL.max_trials, is_extensible=True)
    objective: str = option(
        "what trials are ranked by, any metric that the model reports, as NAME, NAME:min or NAME:max; with "
        f"{' or '.join(COSTS)} behind it, the smallest of the best is chosen",
        metavar="METRIC[,COST…]",
        default=_USUAL.objective.name,
    )
    epochs: int | None = option("epochs per trial", otherwise="by the number of images")
    min_epochs: int = option("epochs before halving may stop a trial", default=_USUAL.min_epochs)
    max_parameters: int | None = option("do not train models that have more")
    finalists: int = option("how many of the best are trained again with other seeds", default=_USUAL.finalists)
    repeats: int = option("how many times; 0 chooses at once", default=_USUAL.repeats, one_of="again")
    folds: int | None = option(
        "cross-validate them instead: each is trained again for each of so many folds but the first",
        metavar="K",
        one_of="again",
    )
    workers: int | None = option(
        "processes that train at the same time; 0 trains in this one",
        otherwise="one for each core or GPU",
        is_extensible=True,
    )
    trial_timeout: str | None = option(
        "give an attempt at a trial up after this time, like 90s, 10m or 2h", metavar="TIME", is_extensible=True
    )
    keep_states: str = option(
        "disk space for the states of paused trials; the worst ones would start over",
        metavar="SIZE",
        default="2GB",
        is_extensible=True,
    )
    tensorboard: bool = option("write logs for TensorBoard into the run's folder", default=False, is_extensible=True)
    budget: str = option(
        f"wall time of the whole command, like 90s, 10m, 2h, or {NO_BUDGET}",
        metavar="TIME",
        default="8m",
        is_extensible=True,
    )
    seed: int = option("0 or more; everything random derives from it", default=_USUAL.seed)
    baselines: bool = option("try the published configurations first", default=False)
    first: Mapping[str, Any] = option(
        "configurations to try first: a [[configuration]] each, with the values of some hyperparameters or all",
        metavar="FILE.toml",
        default=dict,
    )

    earlier: Mapping[str, Any] = option(
        "an earlier run, or a project folder of Keras Tuner, whose results are learned from, of whatever data",
        metavar="RUN",
        default=dict,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.algorithm not in algorithm_names():
            raise InputError(f"unknown algorithm {self.algorithm}: choose one of {', '.join(algorithm_names())}")
        if self.workers is not None and self.workers < 0:
            raise InputError(f"--workers must be 0 or more, got {self.workers}")
        if self.baselines and self.model is not None:
            raise InputError("--baselines are configurations of the built-in model: leave it out, or --model")
        # What these raise is raised before anything is loaded.
        self.config, self.budget_seconds, self.timeout_seconds, parse_size(self.keep_states)
        configurations_from(self.first)

    @property
    def config(self) -> SearchConfig:
        """Raises InputError for a number out of its range and an objective that is none."""
        from tuning.loop.earlier_results import results_in

        objective, costs = parse_objectives(self.objective)
        return SearchConfig(
            algorithm=self.algorithm,
            max_trials=self.max_trials,
            epochs=self.epochs,
            min_epochs=self.min_epochs,
            seed=self.seed,
            objective=objective,
            balance_classes=self.class_weight is not None,
            costs=costs,
            max_parameters=self.max_parameters,
            finalists=self.finalists,
            repeats=self.repeats,
            folds=self.folds,
            earlier=results_in(self.earlier, objective),
        )

    @property
    def budget_seconds(self) -> float | None:
        return None if self.budget == NO_BUDGET else parse_duration(self.budget)

    @property
    def timeout_seconds(self) -> float | None:
        return None if self.trial_timeout is None else parse_duration(self.trial_timeout)


def read_options(arguments: argparse.Namespace, folder: RunFolder) -> SearchOptions:
    """Given ones, else the recorded ones of a resumed run, else the defaults.

    Raises InputError for values out of range, and for ones that a resumed run can't change.
    """
    recorded = _read_recorded(arguments, folder)
    given = {name: value for name, value in vars(arguments).items() if value is not None}
    if isinstance(given.get("earlier"), str) and (arguments.runs / given["earlier"]).is_dir():
        given["earlier"] = str(arguments.runs / given["earlier"])
    options = SearchOptions.from_options({**recorded, **given})
    _require_extension(options, recorded, folder)
    return options


def list_known_configurations(
    options: SearchOptions, builder: ModelBuilder
) -> tuple[tuple[Configuration, TrainingSettings | None], ...]:
    """What to try before the oracle is asked: those of a file and the baselines if wanted, then the default one.

    Raises InputError for one that is not in the space.
    """
    from tuning.models.baselines import BASELINES
    from tuning.space.drawing import complete

    known: list[tuple[Configuration, TrainingSettings | None]] = []
    for number, values in enumerate(configurations_from(options.first), start=1):
        try:
            known.append((complete(builder, values).values, None))
        except InputError as error:
            raise InputError(f"configuration {number} of --first can't be tried ({error}): fix it there") from error
    for published in BASELINES.values() if options.baselines else ():
        try:
            known.append((complete(builder, published.hyperparameters).values, published.settings))
        except InputError as error:
            raise InputError(
                f"the baseline {published.name} is not in the space ({error}): leave out --baselines"
            ) from error
    known.append((builder.default_configuration(), None))
    return tuple(known)


def _read_recorded(arguments: argparse.Namespace, folder: RunFolder) -> dict[str, Any]:
    if not folder.exists:
        return {}
    record = folder.read()
    require_command("tune", record, folder, runs=arguments.runs)
    return record.config.as_json()


def _require_extension(options: SearchOptions, recorded: dict[str, Any], folder: RunFolder) -> None:
    fixed = recorded.keys() - extensible_options(SearchOptions)
    for name, asked in options.as_options().items():
        if name in fixed and asked != recorded[name]:
            raise InputError(
                f"{folder.path} was started with {name} {recorded[name]} and can't go on with {asked}: leave it out or "
                "start a new run"
            )
    if options.max_trials < recorded.get("max_trials", 1):
        raise InputError(
            f"--max-trials {options.max_trials} is less than the {recorded['max_trials']} that {folder.path} was "
            "started with: give more to extend it, or leave it out"
        )
