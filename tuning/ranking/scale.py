"""Losses and shares on a scale on which differences between good ones count."""

from __future__ import annotations

import math
from collections.abc import Sequence

LEAST_MISS = 0.002
"""Added to what a share lacks of 1: one without a miss is not infinitely better than one with a few."""


def from_logarithms(logarithms: Sequence[float], *, like: Sequence[float]) -> list[float]:
    """The ranks whose logarithms these are, of the kind that `like` has, for which there are logarithms."""
    beyond = 0.0 if all(rank > 0 for rank in like) else 1 + LEAST_MISS
    return [math.exp(value) - beyond for value in logarithms]


def as_logarithms(ranks: Sequence[float]) -> list[float] | None:
    """The logarithms of losses, or of what shares lack of 1; None where the ranks, less is better, are neither.

    Losses are all above 0. Shares of which more is better, like accuracies, have ranks of -1 to 0.
    """
    if all(rank > 0 for rank in ranks):
        return [math.log(rank) for rank in ranks]
    if all(-1 <= rank <= 0 for rank in ranks):
        return [math.log(1 + rank + LEAST_MISS) for rank in ranks]
    return None
