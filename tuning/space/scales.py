"""Where a number lies on the scale that it is drawn from, and the number at a place on it.

Standard library only. Keras Tuner's own sampling proposes 513 for `Int(32, 512, sampling="log")` at the upper end of
its scale, and its `Float(0, 1, step=0.1)` never reaches 1. Here every number lies in its range, both ends included.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum

_ROUNDING = 1e-8


class Sampling(StrEnum):
    """How evenly numbers are drawn, by Keras Tuner's names: all alike, small ones more often, or large ones."""

    LINEAR = "linear"
    LOG = "log"
    REVERSE_LOG = "reverse_log"


def number_at(fraction: float, low: float, high: float, sampling: Sampling) -> float:
    """The number at `fraction`, 0 to 1, of the scale from `low` to `high`."""
    if sampling is Sampling.LINEAR:
        return float(low + fraction * (high - low))
    if sampling is Sampling.REVERSE_LOG:
        return float(high + low - low * (high / low) ** (1 - fraction))
    return float(low * (high / low) ** fraction)


def fraction_of(number: float, low: float, high: float, sampling: Sampling) -> float:
    """Where `number` lies on the scale from `low` to `high`, which differ: 0 to 1. The inverse of `number_at`."""
    if sampling is Sampling.LINEAR:
        return (number - low) / (high - low)
    if sampling is Sampling.REVERSE_LOG:
        return 1 - math.log((high + low - number) / low) / math.log(high / low)
    return math.log(number / low) / math.log(high / low)


def whole_steps(low: int, high: int, step: int, sampling: Sampling) -> Sequence[int]:
    """`low`, `low + step`, … up to `high`; on a logarithmic scale `low × step`, …, counted from the dense end."""
    if sampling is Sampling.LINEAR:
        return range(low, high + 1, step)
    rising = [low]
    while step > 1 and rising[-1] * step <= high:
        rising.append(rising[-1] * step)
    return tuple(rising) if sampling is Sampling.LOG else tuple(sorted(high + low - value for value in rising))


def real_steps(low: float, high: float, step: float, sampling: Sampling) -> Sequence[float]:
    """The same of real numbers. Rounding keeps no step from `high`, and makes no 0.30000000000000004 of 0.3."""

    def within(number: float) -> float:
        return max(min(float(f"{number:.12g}"), high), low)

    if sampling is Sampling.LINEAR:
        count = math.floor((high - low) / step + _ROUNDING) + 1
        return tuple(within(low + number * step) for number in range(count))
    count = math.floor(math.log(high / low, step) + _ROUNDING) + 1
    rising = [within(low * step**number) for number in range(count)]
    return tuple(rising) if sampling is Sampling.LOG else tuple(sorted(within(high + low - value) for value in rising))
