"""A learning curve as far as it was seen, and its values as a model takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tuning.ranking.scale import as_logarithms, from_logarithms
from tuning.space.points import Point

SHORTEST = 1e-6
"""Seconds that an epoch takes at least."""
WORST = 3.0
"""By how much the logarithm of a loss may be above the middle one before it counts as just as bad as a worse one."""
LEAST_SCALE = 2.1
"""How much the logarithms of losses differ, as a rule: found with the constants of `CurveModel`."""
_THINNED = 1.25


@dataclass(kw_only=True)
class PartialCurve:
    """What is known of a configuration.

    `latest`: the id of its latest proposal, which trains up to `until` epochs. `ranks`: epoch → the objective, less is
    better. `seconds`: of an epoch, and `start_seconds`, what it takes to begin or to continue; None while they are not
    known. `starts_over`: what it was trained is lost. `is_running`: that proposal has not ended. `is_over`:
    nothing can continue it.
    """

    point: Point
    latest: str
    until: int
    ranks: dict[int, float] = field(default_factory=dict)
    seconds: float | None = None
    start_seconds: float | None = None
    starts_over: bool = False
    is_running: bool = True
    is_over: bool = False

    @property
    def epochs(self) -> int:
        return max(self.ranks, default=0)


def thin_out(epochs: Sequence[int]) -> list[int]:
    """The epochs of a curve that tell it: ever farther apart, and the last one."""
    kept: list[int] = []
    for epoch in epochs:
        if not kept or epoch >= kept[-1] * _THINNED or epoch == epochs[-1]:
            kept.append(epoch)
    return kept


@dataclass(frozen=True, kw_only=True, eq=False)
class Stretched:
    """Ranks so that differences between good ones count: losses and shares by logarithms, and very bad ones all alike.

    What is not finite becomes the worst. `values`: (ranks,), which differ by `least_scale` at least, as a rule.
    """

    values: NDArray[np.float64]
    _filled: list[float] | None

    @classmethod
    def of(cls, ranks: NDArray[np.float64]) -> Stretched:
        """`ranks`: (ranks,), less is better."""
        finite = ranks[np.isfinite(ranks)]
        if not len(finite):
            return cls(values=np.zeros_like(ranks), _filled=None)
        filled = np.where(np.isfinite(ranks), ranks, finite.max())
        logarithms = as_logarithms(filled.tolist())
        stretched = filled if logarithms is None else np.array(logarithms)
        middle = float(np.median(stretched))
        limit = 2 * (middle - stretched.min())
        values = np.minimum(stretched, middle + (limit if logarithms is None else max(limit, WORST)))
        return cls(values=values, _filled=None if logarithms is None else filled.tolist())

    @property
    def has_logarithms(self) -> bool:
        """Whether `values` are logarithms."""
        return self._filled is not None

    @property
    def least_scale(self) -> float:
        """Before anything has learned, losses are all alike, and that says nothing of those to come."""
        return LEAST_SCALE if self.has_logarithms else 0.0

    def back(self, values: NDArray[np.float64]) -> list[float]:
        """Stretched values as ranks again."""
        found: list[float] = values.tolist()
        return found if self._filled is None else from_logarithms(found, like=self._filled)
