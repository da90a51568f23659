"""Which finalists may still win, and so are worth another training.

A race (Maron and Moore, Hoeffding Races, 1994; Birattari et al., F-Race, 2002): who lies behind by more than chance
explains is trained no more. How far chance carries a value is learned from the repeats, beginning with a usual noise.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from tuning.ranking.scale import as_logarithms
from tuning.ranking.selection import finalists, whole_repeats
from tuning.records import TrialRecord

USUAL_NOISE = 0.15
"""Standard deviation between seeds of the logarithm of a loss or of an error rate."""
USUAL_WEIGHT = 2
"""How many repeats the usual noise counts as."""
FARTHEST = 2.0
"""Standard errors that a finalist may lie behind the best one."""


def contenders(trials: Sequence[TrialRecord], repeats: Sequence[TrialRecord]) -> tuple[TrialRecord, ...]:
    """Those of the finalists `trials` that may still win, in the order of their first values, best first.

    All of them as long as no noise is known: of objectives that are neither losses nor shares, before the repeats. A
    first value counts where all have as many epochs; one without any value may win.
    """
    ranked = finalists(trials, len(trials))
    counts = len({len(trial.epochs) for trial in ranked}) == 1
    trained = [[*([trial] if counts else []), *whole_repeats(trial, repeats)] for trial in ranked]
    ranks = [_observed_rank(record) for records in trained for record in records]
    logarithms = as_logarithms(ranks)
    left = iter(ranks if logarithms is None else logarithms)
    values = [[next(left) for _ in records] for records in trained]
    usual = 0 if logarithms is None else USUAL_WEIGHT
    known = usual + sum(max(len(own) - 1, 0) for own in values)
    if not ranks or not known:
        return ranked
    means = [statistics.fmean(own) if own else math.inf for own in values]
    squares = sum((value - mean) ** 2 for own, mean in zip(values, means, strict=True) for value in own)
    noise = math.sqrt((usual * USUAL_NOISE**2 + squares) / known)
    best = means.index(min(means))

    def may_win(number: int) -> bool:
        if not values[number]:
            return True
        error = noise * math.sqrt(1 / len(values[number]) + 1 / len(values[best]))
        return means[number] - means[best] <= FARTHEST * error

    return tuple(trial for number, trial in enumerate(ranked) if may_win(number))


def _observed_rank(trial: TrialRecord) -> float:
    assert trial.value is not None
    return trial.settings.objective.rank(trial.value)
