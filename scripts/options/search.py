"""The options of tune.py: given ones, else the recorded ones of a resumed run, else the defaults."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scripts.options.made_by import require_made_by
from scripts.options.model import ModelChoice, read_space
from tuning.errors import InputError
from tuning.loop.budget import parse_duration
from tuning.oracles.by_name import algorithm_names
from tuning.ranking.objective import parse_objectives

if TYPE_CHECKING:
    import argparse

    from tuning.runs.run_folder import RunFolder
    from tuning.settings import Configuration, Objective, TrainingSettings
    from tuning.training.builder import ModelBuilder

DEFAULT_ALGORITHM = "random"
DEFAULT_BUDGET = "8m"
DEFAULT_MAX_TRIALS = 20
DEFAULT_OBJECTIVE = "val_loss"
DEFAULT_MIN_EPOCHS = 1
DEFAULT_FINALISTS = 3
DEFAULT_REPEATS = 2
NO_BUDGET = "none"


@dataclasses.dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """What a search is asked for, as on the command line. `epochs` None: by the number of images. `budget`: a duration,
    or none. `space`: what the file holds.
    """

    algorithm: str
    max_trials: int
    epochs: int | None
    min_epochs: int
    max_parameters: int | None
    finalists: int
    repeats: int
    workers: int | None
    trial_timeout: str | None
    tensorboard: bool
    budget: str
    seed: int
    baselines: bool
    objective: str
    model: str | None
    pixel_scale: str | None
    batch_size: str | None
    class_weight: str | None
    callback: list[str]
    retrain_with: str | None
    space: dict[str, Any]

    @property
    def budget_seconds(self) -> float | None:
        return None if self.budget == NO_BUDGET else parse_duration(self.budget)

    @property
    def timeout_seconds(self) -> float | None:
        return None if self.trial_timeout is None else parse_duration(self.trial_timeout)

    @property
    def ranked_by(self) -> Objective:
        return parse_objectives(self.objective)[0]

    @property
    def costs(self) -> tuple[str, ...]:
        return parse_objectives(self.objective)[1]

    @property
    def model_choice(self) -> ModelChoice:
        return ModelChoice.from_options(dataclasses.asdict(self))


_DEFAULTS: dict[str, Any] = {
    "algorithm": DEFAULT_ALGORITHM,
    "max_trials": DEFAULT_MAX_TRIALS,
    "min_epochs": DEFAULT_MIN_EPOCHS,
    "finalists": DEFAULT_FINALISTS,
    "repeats": DEFAULT_REPEATS,
    "tensorboard": False,
    "budget": DEFAULT_BUDGET,
    "seed": 0,
    "baselines": False,
    "objective": DEFAULT_OBJECTIVE,
    "callback": [],
    "space": {},
}
# What a resumed run may change.
_EXTENSIBLE = ("max_trials", "budget", "callback", "workers", "trial_timeout", "tensorboard")


def read_options(arguments: argparse.Namespace, folder: RunFolder) -> SearchOptions:
    """Raises InputError for values out of range, and for ones that a resumed run can't change."""
    recorded = _recorded(arguments, folder)
    given = {**vars(arguments), "space": None if arguments.space is None else read_space(arguments.space)}
    # Absolute, so that the run goes on from any folder.
    given = {**given, **_resolved(given)}
    values: dict[str, Any] = {}
    for option in dataclasses.fields(SearchOptions):
        value = given[option.name]
        # A flag that is not given is False.
        is_asked = value is not None and value is not False
        values[option.name] = value if is_asked else recorded.get(option.name, _DEFAULTS.get(option.name))
    options = SearchOptions(**values)
    if options.algorithm not in algorithm_names():
        raise InputError(f"unknown algorithm {options.algorithm}: choose one of {', '.join(algorithm_names())}")
    for name, asked, least in (
        ("--max-trials", options.max_trials, 1),
        ("--epochs", options.epochs, 1),
        ("--seed", options.seed, 0),
        ("--min-epochs", options.min_epochs, 1),
        ("--max-parameters", options.max_parameters, 1),
        ("--finalists", options.finalists, 1),
        ("--repeats", options.repeats, 0),
        ("--workers", options.workers, 0),
    ):
        if asked is not None and asked < least:
            raise InputError(f"{name} must be {least} or more, got {asked}")
    if options.budget != NO_BUDGET:
        parse_duration(options.budget)
    if options.baselines and options.model is not None:
        raise InputError("--baselines are configurations of the built-in model: leave it out, or --model")
    options.timeout_seconds  # noqa: B018 checked before anything is loaded
    options.ranked_by  # noqa: B018 likewise
    options.model_choice  # noqa: B018 likewise
    _require_extension(options, recorded, folder)
    return options


def known_configurations(
    options: SearchOptions, builder: ModelBuilder
) -> tuple[tuple[Configuration, TrainingSettings | None], ...]:
    """What to try before the oracle is asked: the baselines if wanted, then the default configuration.

    Raises InputError for a baseline that does not fit.
    """
    from tuning.models.baselines import BASELINES
    from tuning.space.drawing import complete

    known: list[tuple[Configuration, TrainingSettings | None]] = []
    for published in BASELINES.values() if options.baselines else ():
        try:
            known.append((complete(builder, published.hyperparameters).values, published.settings))
        except InputError as error:
            raise InputError(
                f"the baseline {published.name} is not in the space ({error}): leave out --baselines"
            ) from error
    known.append((builder.default_configuration(), None))
    return tuple(known)


def _resolved(given: Mapping[str, Any]) -> dict[str, Any]:
    from tuning.plugins.user_code import resolved

    model, callbacks = given["model"], given["callback"]
    return {
        "model": None if model is None else resolved(model),
        "callback": None if callbacks is None else [resolved(source) for source in callbacks],
    }


def _recorded(arguments: argparse.Namespace, folder: RunFolder) -> dict[str, Any]:
    if not folder.exists:
        return {}
    record = folder.read()
    require_made_by("tune", record, folder, runs=arguments.runs)
    return record.config.as_json()


def _require_extension(options: SearchOptions, recorded: dict[str, Any], folder: RunFolder) -> None:
    for option in dataclasses.fields(SearchOptions):
        name, asked = option.name, getattr(options, option.name)
        if name not in _EXTENSIBLE and name in recorded and asked != recorded[name]:
            raise InputError(
                f"{folder.path} was started with {name} {recorded[name]} and can't go on with {asked}: leave it out or "
                "start a new run"
            )
    if options.max_trials < recorded.get("max_trials", 1):
        raise InputError(
            f"--max-trials {options.max_trials} is less than the {recorded['max_trials']} that {folder.path} was "
            "started with: give more to extend it, or leave it out"
        )
