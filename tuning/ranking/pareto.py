"""Searching for models that are good and small: which trials no other beats, which to take, which not to train.

Standard library only. A trial is judged by its objective, and by costs of which less is better. Wherever costs are
asked for they are names in `COSTS`, and earlier ones come first where an order is needed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tuning.records import TrialRecord
from tuning.settings import Configuration
from tuning.space.distance import distance, observed_scales

COSTS = ("params", "macs")
"""`params`: weights of the model. `macs`: multiply-accumulates for one example."""

FEWEST_TRIALS = 10
"""With fewer results nothing is known about a neighbourhood, and nothing is skipped."""

NEIGHBOURS = 5

MOST_SKIPPED_IN_A_ROW = 3
"""After so many the caller trains the next configuration whatever `explain_no_gain` says, or an oracle that keeps
proposing one region would never learn that it was wrong about it."""


def costs_of(trial: TrialRecord, costs: Sequence[str]) -> tuple[float, ...]:
    """What the trial's model costs; infinite where that was not counted."""
    known = {"params": trial.parameters, "macs": trial.macs}
    return tuple(math.inf if known[cost] is None else float(known[cost] or 0) for cost in costs)


def front(trials: Sequence[TrialRecord], costs: Sequence[str]) -> tuple[TrialRecord, ...]:
    """The trials that no other beats: none is at least as good in everything and better in something.

    Of equal ones the earliest. Ordered from the smallest to the largest, by the first cost, then by the others.
    """
    points = [(trial, (trial.rank, *costs_of(trial, costs))) for trial in trials if trial.has_result]
    kept: dict[tuple[float, ...], TrialRecord] = {}
    for trial, point in points:
        if not any(_dominates(other, point) for _, other in points):
            kept.setdefault(point, trial)
    return tuple(kept[point] for point in sorted(kept, key=lambda point: (*point[1:], point[0])))


def pick(
    trials: Sequence[TrialRecord],
    costs: Sequence[str],
    *,
    standard_error: float,
    means: Mapping[str, float] | None = None,
) -> TrialRecord | None:
    """The smallest trial whose objective is within one standard error of the best; None where no trial has a result.

    The one-standard-error rule of Breiman, Friedman, Olshen and Stone (Classification and Regression Trees, 1984).
    `standard_error`: 0 or more, in units of the objective: how far a value lies from what other seeds would give,
    `Selection.noise` for values of one training each, `Selection.standard_error` for means over repeats. `means`: trial
    → such a mean, in place of the trial's own value; with it, give repeated trials only, to compare like with like.
    """
    if not (math.isfinite(standard_error) and standard_error >= 0):
        raise ValueError(f"standard_error must be a number of 0 or more, got {standard_error}")
    given = means if means is not None else {}
    ranks = {
        index: trial.settings.objective.rank(given[trial.trial_id]) if trial.trial_id in given else trial.rank
        for index, trial in enumerate(trials)
        if trial.has_result
    }
    if not ranks:
        return None
    best = min(ranks.values())
    close = [index for index, rank in ranks.items() if rank <= best + standard_error]
    return trials[min(close, key=lambda index: (costs_of(trials[index], costs), ranks[index], index))]


def explain_no_gain(
    hyperparameters: Configuration, costs: Mapping[str, int | None], trials: Sequence[TrialRecord]
) -> str:
    """Why a configuration is not worth training, given its model's costs (name → cost) before; empty if it may be.

    It is not where some trial is no larger in any cost, and better than each of the five trials that are nearest to the
    configuration: it would have to beat all its relatives to be on the front. A configuration whose cost is unknown, or
    lower than that of all trials, is always worth it. Deterministic. The caller bounds how many are skipped in a row:
    `MOST_SKIPPED_IN_A_ROW`.
    """
    ranked = [trial for trial in trials if trial.has_result]
    if len(ranked) < FEWEST_TRIALS or not costs or None in costs.values():
        return ""
    limits = tuple(float(cost) for cost in costs.values() if cost is not None)
    no_larger = [
        trial
        for trial in ranked
        if all(own <= limit for own, limit in zip(costs_of(trial, tuple(costs)), limits, strict=True))
    ]
    if not no_larger:
        return ""
    scales = observed_scales([hyperparameters, *(trial.hyperparameters for trial in ranked)])
    nearest = sorted(ranked, key=lambda trial: distance(hyperparameters, trial.hyperparameters, scales))[:NEIGHBOURS]
    best = min(no_larger, key=lambda trial: trial.rank)
    if best.rank < min(trial.rank for trial in nearest):
        return f"trial {best.trial_id} is no larger, and better than the {NEIGHBOURS} trials nearest to this one"
    return ""


def _dominates(first: tuple[float, ...], second: tuple[float, ...]) -> bool:
    return first != second and all(one <= other for one, other in zip(first, second, strict=True))
