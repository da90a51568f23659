"""Nanoseconds of single calls → percentiles, how noisy they are, and how one compares with another.

Calls come in rounds: in each round everything that is measured gets a turn, so that whatever else the machine does
falls on all alike.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tuning.files.json_record import JsonRecord

FEWEST_ROUNDS = 3
NOISY_SPREAD = 0.1
"""A timing is noisy when the middle half of its rounds' medians spans more than this share of their median."""


@dataclass(frozen=True, kw_only=True)
class Latency(JsonRecord):
    """The calls at one batch size. `rounds_ns[r]` holds the nanoseconds of round r's calls, 1 or more each."""

    _ADDED: ClassVar = ("calls", "p50_ms", "p95_ms", "p99_ms", "images_per_second", "spread", "is_noisy")

    batch: int
    rounds_ns: tuple[tuple[int, ...], ...]

    @property
    def calls(self) -> int:
        return sum(map(len, self.rounds_ns))

    @property
    def round_medians(self) -> tuple[float, ...]:
        """Nanoseconds, one for each round."""
        return tuple(statistics.median(calls) for calls in self.rounds_ns)

    @property
    def p50_ms(self) -> float:
        """Milliseconds; half of all calls took no longer."""
        return statistics.median(self._milliseconds)

    @property
    def p95_ms(self) -> float | None:
        """Milliseconds; None of fewer than 20 calls."""
        return percentile(self._milliseconds, 95)

    @property
    def p99_ms(self) -> float | None:
        """Milliseconds; None of fewer than 100 calls."""
        return percentile(self._milliseconds, 99)

    @property
    def images_per_second(self) -> float:
        return self.batch / self.p50_ms * 1e3

    @property
    def spread(self) -> float:
        """What the middle half of the rounds' medians spans, as a share of their median."""
        return relative_spread(self.round_medians)

    @property
    def is_noisy(self) -> bool:
        return not self.spread <= NOISY_SPREAD

    @property
    def _milliseconds(self) -> list[float]:
        """Of all calls."""
        return [value / 1e6 for calls in self.rounds_ns for value in calls]


@dataclass(frozen=True, kw_only=True)
class Ratio(JsonRecord):
    """The time of one divided by that of another, at one batch size; below 1 it is faster.

    `of_medians`: of the medians of all calls. `paired`: the median over the rounds of the ratio of both medians of that
    round; half of the rounds lie from `low` to `high`.
    """

    batch: int
    of_medians: float
    paired: float
    low: float
    high: float
    is_noisy: bool


def percentile(values: Sequence[float], percent: int) -> float | None:
    """The value that `percent` of a hundred values do not exceed, interpolated between the two nearest; None where
    there are too few values for one to lie beyond it."""
    if len(values) * (100 - percent) < 100:
        return None
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def relative_spread(medians: Sequence[float]) -> float:
    """Upper minus lower quartile, divided by the median. Raises ValueError for too few rounds."""
    low, middle, high = _quartiles(medians)
    return (high - low) / middle


def compare_latency(one: Latency, other: Latency) -> Ratio:
    """`one` divided by `other`. Raises ValueError unless both come from the same rounds, at the same batch size."""
    if one.batch != other.batch or len(one.rounds_ns) != len(other.rounds_ns):
        raise ValueError(
            f"only timings of the same rounds and batch size can be compared, got {len(one.rounds_ns)} rounds of batch "
            f"{one.batch} and {len(other.rounds_ns)} of batch {other.batch}"
        )
    pairs = zip(one.round_medians, other.round_medians, strict=True)
    low, middle, high = _quartiles([ours / theirs for ours, theirs in pairs])
    return Ratio(
        batch=one.batch,
        of_medians=one.p50_ms / other.p50_ms,
        paired=middle,
        low=low,
        high=high,
        is_noisy=one.is_noisy or other.is_noisy,
    )


def _quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    if len(values) < FEWEST_ROUNDS:
        raise ValueError(f"there must be at least {FEWEST_ROUNDS} rounds to measure their noise, got {len(values)}")
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high
