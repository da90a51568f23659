"""Points of a Keras Tuner space: what tells two apart, one at random, and all of them in order.

Keras Tuner's own sampling proposes 513 for `Int(32, 512, sampling="log")` at the upper end of its scale, and its
`Float(0, 1, step=0.1)` never reaches 1. Here every value lies in its range, both ends included.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras_tuner as kt

from tuning.settings import Configuration, Value

Key = tuple[tuple[str, Value], ...]

REAL_VALUES = 10
"""As many values stand for a range of real numbers where all points are listed."""

_ROUNDING = 1e-8


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """One hyperparameter under its conditions.

    `values` are all that it can take, ascending where they have an order; None for real numbers. `is_even`: drawn with
    equal chances, unlike whole numbers on a logarithmic scale. `low`, `high` and `sampling` are those of a range.
    """

    name: str
    conditions: tuple[Any, ...]
    default: Value
    values: Sequence[Value] | None
    is_ordered: bool = True
    is_even: bool = True
    low: float = 0.0
    high: float = 0.0
    sampling: str = "linear"

    def is_active(self, values: Configuration) -> bool:
        """Whether the values of the hyperparameters before it let it count, and none of its name did already."""
        return self.name not in values and all(condition.is_active(values) for condition in self.conditions)

    def at(self, fraction: float) -> Value:
        """The value at `fraction`, 0 to 1, of the scale on which it is drawn evenly."""
        if self.values is None:
            return min(max(self._scaled(fraction, self.high), self.low), self.high)
        if self.is_even:
            return self.values[min(int(fraction * len(self.values)), len(self.values) - 1)]
        return min(max(int(self._scaled(fraction, self.high + 1)), int(self.low)), int(self.high))

    def fraction(self, value: Value) -> float:
        """Where on its scale a value lies, 0 to 1: in the middle of its share, so that `at` leads back to it."""
        if self.values is not None and self.is_even:
            return (self.values.index(value) + 0.5) / len(self.values)
        number, high = (float(value), self.high) if self.values is None else (float(value) + 0.5, self.high + 1)
        if self.sampling == "linear":
            return (number - self.low) / (high - self.low)
        if self.sampling == "reverse_log":
            return 1 - math.log((high + self.low - number) / self.low) / math.log(high / self.low)
        return math.log(number / self.low) / math.log(high / self.low)

    def contains(self, value: Value) -> bool:
        if self.values is None:
            return isinstance(value, float) and self.low <= value <= self.high
        # Python holds True for 1; a hyperparameter does not.
        return value in self.values and type(value) is type(self.values[0])

    def listed(self) -> Sequence[Value]:
        """All values, or so many of the real numbers evenly on their scale, both ends included."""
        if self.values is not None:
            return self.values
        inner = [self.at(number / (REAL_VALUES - 1)) for number in range(1, REAL_VALUES - 1)]
        return list(dict.fromkeys([self.low, *inner, self.high]))

    def _scaled(self, fraction: float, high: float) -> float:
        if self.sampling == "linear":
            return float(self.low + fraction * (high - self.low))
        if self.sampling == "reverse_log":
            return float(high + self.low - self.low * (high / self.low) ** (1 - fraction))
        return float(self.low * (high / self.low) ** fraction)


class Sampling:
    """A space as a list of dimensions, parents before what depends on them.

    Where two entries of one name are active together, the first one counts, as it does while a model is built.
    """

    def __init__(self, space: kt.HyperParameters) -> None:
        self.dimensions = [_dimension(entry) for entry in space.space]
        self.is_finite = all(dimension.values is not None for dimension in self.dimensions)

    def active(self, values: Configuration) -> list[tuple[Dimension, Value]]:
        """The dimensions that count at a point with their values, defaults where it has none."""
        found: list[tuple[Dimension, Value]] = []
        seen: dict[str, Value] = {}
        for dimension in self.dimensions:
            if dimension.is_active(seen):
                seen[dimension.name] = values.get(dimension.name, dimension.default)
                found.append((dimension, seen[dimension.name]))
        return found

    def key(self, values: Configuration) -> Key:
        """What two configurations have in common that are the same: their active hyperparameters."""
        return tuple((dimension.name, value) for dimension, value in self.active(values))

    def contains(self, values: Configuration) -> bool:
        """Whether it is a point: all active hyperparameters and no others, each in its range."""
        active = self.active(values)
        return {dimension.name for dimension, _ in active} == set(values) and all(
            dimension.contains(value) for dimension, value in active
        )

    def draw(self, seed: int) -> dict[str, Value]:
        """A point at random, every dimension evenly on its scale."""
        chance = random.Random(seed)
        values: dict[str, Value] = {}
        for dimension in self.dimensions:
            fraction = chance.random()
            if dimension.is_active(values):
                values[dimension.name] = dimension.at(fraction)
        return values

    def points(self) -> Iterator[dict[str, Value]]:
        """All points, the last dimension fastest. Of real numbers, `REAL_VALUES` each."""
        return self._points(0, {})

    def _points(self, number: int, values: dict[str, Value]) -> Iterator[dict[str, Value]]:
        while number < len(self.dimensions) and not self.dimensions[number].is_active(values):
            number += 1
        if number == len(self.dimensions):
            yield values
            return
        for value in self.dimensions[number].listed():
            yield from self._points(number + 1, {**values, self.dimensions[number].name: value})


def _dimension(entry: Any) -> Dimension:
    named = {"name": entry.name, "conditions": tuple(entry.conditions), "default": entry.default}
    kinds = kt.engine.hyperparameters
    if not isinstance(entry, kinds.Int | kinds.Float):
        # A choice of numbers has an order unless it says otherwise; Keras Tuner's flag is False for text.
        is_ordered = bool(getattr(entry, "ordered", False))
        return Dimension(values=tuple(dict.fromkeys(entry.values)), is_ordered=is_ordered, **named)
    if entry.min_value == entry.max_value:
        return Dimension(values=(entry.min_value,), **named)
    if entry.step is not None:
        return Dimension(values=_steps(entry), **named)
    ends = {"low": entry.min_value, "high": entry.max_value, "sampling": entry.sampling}
    if isinstance(entry, kinds.Float):
        return Dimension(values=None, **ends, **named)
    return Dimension(values=range(entry.min_value, entry.max_value + 1), is_even=False, **ends, **named)


def _steps(entry: Any) -> Sequence[Value]:
    low, high, step = entry.min_value, entry.max_value, entry.step
    if entry.sampling == "linear" and isinstance(low, int):
        return range(low, high + 1, step)
    if entry.sampling == "linear":
        return tuple(
            min(low + number * step, high) for number in range(math.floor((high - low) / step + _ROUNDING) + 1)
        )
    count = math.floor(math.log(high / low, step) + _ROUNDING) + 1
    rising = [min(low * step**number, high) for number in range(count)]
    return tuple(rising) if entry.sampling == "log" else tuple(sorted(high + low - value for value in rising))
