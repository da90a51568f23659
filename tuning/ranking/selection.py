"""Which of the best trials to believe: the same configurations trained again with other seeds.

Standard library only. The best of many noisy results is partly the luckiest, and its value flatters it (the winner's
curse). So the first ranking only says which trials are finalists; repeats, which were not selected by their value, say
which one is best.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tuning.files.json_record import JsonRecord
from tuning.records import TrialRecord, TrialStatus

FALLING = 0.02
"""A curve that improved by less than this share of its best value in the last epoch counts as flat."""


@dataclass(frozen=True, kw_only=True)
class Finalist(JsonRecord):
    """A trial that was trained again. Values are those of the objective.

    `first`: that of the trial itself. `repeats`: those of its repeats. `failed`: how many repeats had no result.
    """

    _ADDED: ClassVar[tuple[str, ...]] = ("mean",)

    trial_id: str
    first: float
    repeats: tuple[float, ...] = ()
    failed: int = 0

    @property
    def mean(self) -> float | None:
        """Over the repeats. The first value is no part of it: it was selected for being good."""
        return statistics.fmean(self.repeats) if self.repeats else None


@dataclass(frozen=True, kw_only=True)
class Selection(JsonRecord):
    """What the repeats say. `finalists` are in the order of the first ranking; `winner` is the trial to take.

    `optimism`: by how much the first value of the trial that the first ranking put first was better than the mean of
    its repeats, in units of the objective; more than 0: the first ranking flattered it. `noise`: the standard deviation
    of a value between seeds. `standard_error`: that of the mean over the winner's repeats. None: not known.
    """

    finalists: tuple[Finalist, ...]
    winner: str
    optimism: float | None
    noise: float | None
    standard_error: float | None

    @property
    def means(self) -> dict[str, float]:
        """Trial → mean over its repeats, of those that have one."""
        return {each.trial_id: each.mean for each in self.finalists if each.mean is not None}


def finalists(trials: Sequence[TrialRecord], count: int) -> tuple[TrialRecord, ...]:
    """The `count` best trials of the search that have a result, best first, the earlier one on a tie."""
    ranked = [trial for trial in trials if trial.has_result and not trial.repeat_of]
    return tuple(sorted(ranked, key=lambda trial: trial.rank)[:count])


def select(trials: Sequence[TrialRecord], repeats: Sequence[TrialRecord]) -> Selection:
    """The trial whose repeats have the best mean, the one that was ranked higher before on a tie.

    `trials`: the finalists; `repeats`: theirs, by `repeat_of`. A finalist that has no repeat with a result can't win
    unless none has one: then the first ranking decides. Raises ValueError if no trial has a result.
    """
    ranked = finalists(trials, len(trials))
    if not ranked:
        raise ValueError("select needs at least one trial with a result, got none")
    objective = ranked[0].settings.objective
    found = tuple(_finalist(trial, repeats) for trial in ranked)
    means = {each.trial_id: objective.rank(each.mean) for each in found if each.mean is not None}
    # Repeats of one that paused may have been trained longer.
    is_alike = all(
        len(repeat.epochs) == len(trial.epochs) for trial in ranked for repeat in whole_repeats(trial, repeats)
    )
    noise = _noise(found, is_alike=is_alike)
    first = found[0]
    winner = min(means, key=lambda trial_id: means[trial_id]) if means else first.trial_id
    winners_repeats = sum(len(each.repeats) for each in found if each.trial_id == winner)
    return Selection(
        finalists=found,
        winner=winner,
        optimism=means[first.trial_id] - objective.rank(first.first) if first.trial_id in means and is_alike else None,
        noise=noise,
        standard_error=noise / math.sqrt(winners_repeats) if noise is not None else None,
    )


def epochs_to_best(records: Sequence[TrialRecord]) -> int:
    """After how many epochs, of all images, trainings of one configuration were best: the median, the later one of two.

    Raises ValueError if no record has a result.
    """
    needed = [math.ceil((_best_epoch(record) + 1) / record.settings.parts) for record in records if record.has_result]
    if not needed:
        raise ValueError("epochs_to_best needs at least one record with a result, got none")
    return statistics.median_high(needed)


def still_falling(record: TrialRecord, *, noise: float | None = None) -> bool:
    """Whether more epochs would probably help: the last one is the best, by more than the noise and 2 % of the value.

    `noise`: standard deviation of the objective between seeds, where known. False for a single epoch.
    """
    ranks = _ranks(record)
    if len(ranks) < 2 or not math.isfinite(ranks[-1]):
        return False
    before = min(ranks[:-1])
    return before - ranks[-1] > max(noise if noise is not None else 0.0, FALLING * abs(before))


def whole_repeats(trial: TrialRecord, repeats: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The trial's repeats that count: those with a result.

    One that the time ended early says nothing of what as many epochs as the others' lead to.
    """
    return [repeat for repeat in _not_cut(trial, repeats) if repeat.has_result]


def _not_cut(trial: TrialRecord, repeats: Sequence[TrialRecord]) -> list[TrialRecord]:
    own = (repeat for repeat in repeats if repeat.repeat_of == trial.trial_id)
    return [repeat for repeat in own if repeat.status is not TrialStatus.STOPPED]


def _finalist(trial: TrialRecord, repeats: Sequence[TrialRecord]) -> Finalist:
    found = whole_repeats(trial, repeats)
    return Finalist(
        trial_id=trial.trial_id,
        first=_value(trial),
        repeats=tuple(_value(repeat) for repeat in found),
        failed=len(_not_cut(trial, repeats)) - len(found),
    )


def _noise(found: Sequence[Finalist], *, is_alike: bool) -> float | None:
    """The pooled standard deviation of repeats around the mean of their trial.

    Where no trial has two repeats, from how differently the finalists fell back from their first values: the standard
    deviation of repeat − first, divided by √2. What all fell back by, the optimism, is no part of it. It is too small
    rather than too large, by at most √2: the first values were selected for being good, and so differ less. None for a
    single finalist, and where repeats are not trained as long as the first ones (`is_alike` False).
    """
    several = [each.repeats for each in found if len(each.repeats) > 1]
    if several:
        squares = sum(statistics.variance(values) * (len(values) - 1) for values in several)
        return math.sqrt(squares / sum(len(values) - 1 for values in several))
    fell_back = [each.mean - each.first for each in found if each.mean is not None and is_alike]
    return statistics.stdev(fell_back) / math.sqrt(2) if len(fell_back) > 1 else None


def _value(trial: TrialRecord) -> float:
    assert trial.value is not None, "only trials with a result are finalists"
    return trial.value


def _best_epoch(record: TrialRecord) -> int:
    if record.settings.keep_best:
        return record.result_epoch
    ranks = _ranks(record)
    return ranks.index(min(ranks))


def _ranks(record: TrialRecord) -> list[float]:
    """Of every epoch; infinite where there is no number."""
    objective = record.settings.objective
    values = [epoch.value(objective.name) for epoch in record.epochs]
    return [objective.rank(value) if value is not None and math.isfinite(value) else math.inf for value in values]
