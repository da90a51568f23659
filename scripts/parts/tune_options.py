"""The options of tune.py: given ones, else the recorded ones of a resumed run, else the defaults."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scripts import _entry
from tuning.budget import parse_duration
from tuning.errors import InputError
from tuning.records import ALGORITHMS

if TYPE_CHECKING:
    import argparse

    from tuning.hypermodel import TunableClassifier
    from tuning.records import Configuration, TrainingSettings
    from tuning.run_folder import RunFolder

DEFAULT_ALGORITHM = "random"
DEFAULT_BUDGET = "8m"
DEFAULT_MAX_TRIALS = 20
NO_BUDGET = "none"
SEARCHED = "searched"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What a search is asked for. `epochs` None: by the number of images. `budget`: a duration, or none."""

    algorithm: str
    max_trials: int
    epochs: int | None
    budget: str
    seed: int
    baselines: bool

    @property
    def budget_seconds(self) -> float | None:
        return None if self.budget == NO_BUDGET else parse_duration(self.budget)


def read_options(arguments: argparse.Namespace, folder: RunFolder) -> Options:
    """Raises InputError for values out of range, and for ones that a resumed run can't change."""
    recorded = _recorded(arguments, folder)
    options = Options(
        algorithm=_value(arguments.algorithm, recorded, "algorithm", DEFAULT_ALGORITHM),
        max_trials=_value(arguments.max_trials, recorded, "max_trials", DEFAULT_MAX_TRIALS),
        epochs=_value(arguments.epochs, recorded, "epochs", None),
        budget=_value(arguments.budget, recorded, "budget", DEFAULT_BUDGET),
        seed=_value(arguments.seed, recorded, "seed", 0),
        baselines=bool(arguments.baselines or recorded.get("baselines", False)),
    )
    if options.algorithm not in ALGORITHMS:
        raise InputError(f"unknown algorithm {options.algorithm}: choose one of {', '.join(ALGORITHMS)}")
    for name, given, least in (
        ("--max-trials", options.max_trials, 1),
        ("--epochs", options.epochs, 1),
        ("--seed", options.seed, 0),
    ):
        if given is not None and given < least:
            raise InputError(f"{name} must be {least} or more, got {given}")
    if options.budget != NO_BUDGET:
        parse_duration(options.budget)
    _require_extension(options, recorded, folder)
    return options


def describe_searched(options: Options, stopped_by: str) -> dict[str, Any]:
    """What a search that ended was allowed, and what ended it, for the run's config: a later command may allow more."""
    return {SEARCHED: {"max_trials": options.max_trials, "budget": options.budget, "stopped_by": stopped_by}}


def is_searched(options: Options, config: Mapping[str, Any]) -> bool:
    """Whether the run's search ended, and is allowed no more now of what ended it."""
    if SEARCHED not in config:
        return False
    ended = config[SEARCHED]
    before = dataclasses.replace(options, max_trials=ended["max_trials"], budget=ended["budget"])
    longer = (options.budget_seconds or math.inf) > (before.budget_seconds or math.inf)
    more = {"max_trials": options.max_trials > before.max_trials, "budget": longer}
    return not more.get(ended["stopped_by"], False)


def known_configurations(
    options: Options, hypermodel: TunableClassifier
) -> tuple[tuple[Configuration, TrainingSettings | None], ...]:
    """What to try before the oracle is asked: the baselines if wanted, then the default configuration.

    Grid search starts with the default configuration by itself. Raises InputError for a baseline that does not fit.
    """
    from tuning.baselines import BASELINES

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


def _recorded(arguments: argparse.Namespace, folder: RunFolder) -> dict[str, Any]:
    if not folder.exists:
        return {}
    record = folder.read()
    if record.get("command") != "tune":
        again = _entry.command("train.py", "--run", folder.name, "--resume", runs=arguments.runs)
        raise InputError(f"{folder.path} was made by train.py: go on with it by {again}")
    config: dict[str, Any] = record["config"]
    return config


def _value(given: Any, recorded: dict[str, Any], name: str, default: Any) -> Any:
    return given if given is not None else recorded.get(name, default)


def _require_extension(options: Options, recorded: dict[str, Any], folder: RunFolder) -> None:
    for name in ("algorithm", "epochs", "seed", "baselines"):
        if name in recorded and getattr(options, name) != recorded[name]:
            raise InputError(
                f"{folder.path} was started with {name} {recorded[name]} and can't go on with "
                f"{getattr(options, name)}: leave it out or start a new run"
            )
    if options.max_trials < recorded.get("max_trials", 1):
        raise InputError(
            f"--max-trials {options.max_trials} is less than the {recorded['max_trials']} that {folder.path} was "
            "started with: give more to extend it, or leave it out"
        )
