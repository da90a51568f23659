"""Metrics of the built-in model, found by name. A user's own model has those that it is compiled with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tuning.found import load_from, names_in
from tuning.settings import Labels, Objective

_PACKAGE = "tuning.ranking.metrics"
_VALIDATION = "val_"
_ALWAYS = ("accuracy",)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A number that is computed from labels and probabilities. `maximize`: more of it is better.

    `make`: name and kind of the labels → what `Model.compile` takes. It imports Keras itself, if it has to: a metric is
    looked up before any framework is loaded.
    """

    maximize: bool
    make: Callable[[str, Labels], Any]


def find_metric(objective: str) -> Metric | None:
    """The metric that an objective's name means, measured in training or in validation."""
    name = objective.removeprefix(_VALIDATION)
    if name not in names_in(_PACKAGE):
        return None
    found: Metric = load_from(_PACKAGE, name, "METRIC", what="metric")
    return found


def reported_names() -> tuple[str, ...]:
    """The objectives that the built-in model can be ranked by."""
    measured = ("loss", *names_in(_PACKAGE))
    return (*measured, *(f"{_VALIDATION}{name}" for name in measured))


def make_metrics(objective: Objective, labels: Labels) -> list[Any]:
    """What `Model.compile` takes: accuracy, and the metric that trials are ranked by."""
    asked = objective.name.removeprefix(_VALIDATION)
    found = {name: find_metric(name) for name in dict.fromkeys((*_ALWAYS, asked))}
    return [metric.make(name, labels) for name, metric in found.items() if metric is not None]
