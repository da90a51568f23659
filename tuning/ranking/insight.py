"""Warnings about a finished search: one sentence each, which ends with what to do.

Standard library only.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from tuning.ranking.selection import Selection, finalists, still_falling
from tuning.records import TrialRecord, TrialStatus
from tuning.settings import Value
from tuning.space.distance import Scale, is_number
from tuning.space.ranges import Choices, FloatRange, Range

EDGE = 0.02
"""The outer share of a range of real numbers that counts as its end: a value drawn at random hardly ever is the end."""

OUTER = 0.25
"""A value at an end speaks for that end if most of the best trials lie in this outer share of the range."""

FEWEST_CHOICES = 3
"""Of two numbers each is an end."""

MANY_FAILED = 0.2
FEWEST_ALIKE = 5


def warnings(
    trials: Sequence[TrialRecord],
    *,
    selection: Selection | None = None,
    ranges: Mapping[str, Range] | None = None,
    known: Collection[str] = (),
) -> tuple[str, ...]:
    """What gives reason to doubt the result of a search, or to search on.

    `trials`: those of the search, without repeats. `ranges`: those of the space, as far as they are known. `known`: the
    ids of the trials that the search began with, whose configurations it was given.
    """
    ranked = finalists(trials, len(trials))
    said = _failures(trials)
    if not ranked:
        return tuple(said)
    noise = selection.noise if selection is not None else None
    winner = next(
        (trial for trial in ranked if selection is not None and trial.trial_id == selection.winner), ranked[0]
    )
    said += _ends(winner, ranked, ranges if ranges is not None else {})
    said += _no_gain(ranked, selection, known)
    if still_falling(winner, noise=noise):
        more = f"more than {winner.settings.epochs // winner.settings.parts} epochs"
        said.append(
            f"{winner.settings.objective.name} of the winner, trial {winner.trial_id}, was still getting better in its "
            f"last epoch: search again with {more if winner.is_whole else 'more time'}"
        )
    alike = _all_alike(ranked, noise)
    return tuple(said + (alike if alike or selection is None else _close_finish(ranked, selection)))


def _failures(trials: Sequence[TrialRecord]) -> list[str]:
    trained = [trial for trial in trials if trial.status is not TrialStatus.SKIPPED]
    failed = [trial for trial in trained if not trial.has_result]
    if len(failed) < 2 or len(failed) < MANY_FAILED * len(trained):
        return []
    reasons = Counter(_first_line(trial) for trial in failed)
    reason, times = reasons.most_common(1)[0]
    often = "all" if times == len(failed) else f"{times} of them"
    return [
        f"{len(failed)} of {len(trained)} trials failed, {often} because of {reason}: fix that or narrow the ranges "
        "that lead to it"
    ]


def _first_line(trial: TrialRecord) -> str:
    if trial.status is TrialStatus.FAILED and trial.reason.strip():
        return trial.reason.strip().splitlines()[0].rstrip(".")
    return f"a {trial.settings.objective.name} that is no number"


def _ends(winner: TrialRecord, ranked: Sequence[TrialRecord], ranges: Mapping[str, Range]) -> list[str]:
    """Of every number that is best at an end of its range where most of the best trials are near, too."""
    best = ranked[: max(FEWEST_CHOICES, len(ranked) // 4)]
    said = []
    for name, value in winner.hyperparameters.items():
        domain = ranges.get(name)
        end = _end(value, domain) if domain is not None else ""
        if domain is None or not end:
            continue
        others = [_place(trial.hyperparameters[name], domain) for trial in best if name in trial.hyperparameters]
        near = [place >= 1 - OUTER if end == "upper" else place <= OUTER for place in others]
        if 2 * sum(near) > len(near):
            more = "higher" if end == "upper" else "lower"
            said.append(
                f"{name} is best at {_short(value)}, the {end} end of its range ({domain}), and may be better beyond: "
                f"search again with {more} values"
            )
    return said


def _end(value: Value, domain: Range) -> str:
    """`lower`, `upper`, or empty for what is neither, has no order, or has no end there: nothing is less than none."""
    if isinstance(domain, Choices):
        if len(domain.values) < FEWEST_CHOICES or not all(map(is_number, domain.values)):
            return ""
    elif domain.low == domain.high:
        return ""
    place, margin = _place(value, domain), EDGE if isinstance(domain, FloatRange) else 0.0
    if place >= 1 - margin:
        return "upper"
    least = 0 if isinstance(value, float) else 1
    low = min(map(float, domain.values)) if isinstance(domain, Choices) else domain.low
    return "lower" if place <= margin and low > least else ""


def _place(value: Value, domain: Range) -> float:
    """Where a number lies in its range: 0 at the lower end, 1 at the upper. A choice's place is that in their order."""
    if isinstance(domain, Choices):
        ordered = sorted(map(float, domain.values))
        return sum(each < float(value) for each in ordered) / (len(ordered) - 1)
    if domain.log:
        return Scale(low=float(domain.low), high=float(domain.high)).place(float(value))
    return (float(value) - domain.low) / (domain.high - domain.low)


def _no_gain(ranked: Sequence[TrialRecord], selection: Selection | None, known: Collection[str]) -> list[str]:
    """Compared by the means over repeats where both sides have some, else by first values."""
    given = [trial for trial in ranked if trial.trial_id in known]
    found = [trial for trial in ranked if trial.trial_id not in known]
    if not given or not found:
        return []
    means = selection.means if selection is not None else {}
    objective = ranked[0].settings.objective
    if any(trial.trial_id in means for trial in given) and any(trial.trial_id in means for trial in found):
        best_given, best_found = (
            min(objective.rank(means[trial.trial_id]) for trial in side if trial.trial_id in means)
            for side in (given, found)
        )
    else:
        best_given, best_found = given[0].rank, found[0].rank
    noise = selection.noise if selection is not None and selection.noise is not None else 0.0
    if best_found < best_given - noise:
        return []
    return [
        f"nothing that the search proposed ({len(found)} tried) is clearly better than what it began with (the best of "
        f"that is trial {given[0].trial_id}): give it more trials or other ranges"
    ]


def _all_alike(ranked: Sequence[TrialRecord], noise: float | None) -> list[str]:
    """A spread over all trials holds what differs between seeds, so one no larger than that holds nothing else."""
    if noise is None or len(ranked) < FEWEST_ALIKE:
        return []
    spread = statistics.stdev(trial.rank for trial in ranked)
    if spread > noise:
        return []
    smallest = min(ranked, key=lambda trial: trial.parameters)
    return [
        f"{ranked[0].settings.objective.name} differs between the {len(ranked)} trials by {spread:.2g}, no more than "
        f"between seeds ({noise:.2g}), so these hyperparameters hardly matter: take the smallest, trial "
        f"{smallest.trial_id}, or search others"
    ]


def _close_finish(ranked: Sequence[TrialRecord], selection: Selection) -> list[str]:
    objective = ranked[0].settings.objective
    means = {trial_id: objective.rank(mean) for trial_id, mean in selection.means.items()}
    order = sorted(means, key=lambda trial_id: means[trial_id])
    if selection.noise is None or len(order) < 2 or means[order[1]] - means[order[0]] >= selection.noise:
        return []
    close = [trial_id for trial_id in order if means[trial_id] - means[order[0]] < selection.noise]
    smallest = min((trial for trial in ranked if trial.trial_id in close), key=lambda trial: trial.parameters)
    advice = "keep" if smallest.trial_id == selection.winner else "take"
    return [
        f"trials {', '.join(close[:-1])} and {close[-1]} differ in {objective.name} by "
        f"{means[close[-1]] - means[order[0]]:.2g}, less than seeds do ({selection.noise:.2g}), so any of them would "
        f"do: {advice} the smallest, trial {smallest.trial_id}"
    ]


def _short(value: Value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
