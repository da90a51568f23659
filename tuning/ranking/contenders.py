"""Which finalists may still win, and so are worth another training.

A race (Maron and Moore, Hoeffding Races, 1994; Birattari et al., F-Race, 2002): who lies behind by more than chance
explains is trained no more. How far chance carries a value is learned from the repeats, beginning with a usual noise.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from tuning.ranking.scale import as_logarithms
from tuning.ranking.selection import finalists, judged
from tuning.records import TrialRecord

USUAL_NOISE = 0.15
"""Standard deviation between seeds of the logarithm of a loss or of an error rate."""
USUAL_WEIGHT = 2
"""How many repeats the usual noise counts as."""
FARTHEST = 2.0
"""Standard errors that a finalist may lie behind the best one."""


def contenders(trials: Sequence[TrialRecord], repeats: Sequence[TrialRecord]) -> tuple[TrialRecord, ...]:
    """Those of the finalists `trials` that may still win, in the order of their first values, best first.

    All of them as long as no noise is known: of objectives that are neither losses nor shares, before the repeats.
    """
    ranked = finalists(trials, len(trials))
    trained = [[trial, *judged(trial, repeats)] for trial in ranked]
    ranks = [record.rank for records in trained for record in records]
    logarithms = as_logarithms(ranks)
    left = iter(ranks if logarithms is None else logarithms)
    values = [[next(left) for _ in records] for records in trained]
    usual = 0 if logarithms is None else USUAL_WEIGHT
    known = usual + sum(len(own) - 1 for own in values)
    if not ranked or not known:
        return ranked
    means = [statistics.fmean(own) for own in values]
    squares = sum((value - mean) ** 2 for own, mean in zip(values, means, strict=True) for value in own)
    noise = math.sqrt((usual * USUAL_NOISE**2 + squares) / known)
    best = means.index(min(means))

    def may_win(number: int) -> bool:
        error = noise * math.sqrt(1 / len(values[number]) + 1 / len(values[best]))
        return means[number] - means[best] <= FARTHEST * error

    return tuple(trial for number, trial in enumerate(ranked) if may_win(number))
