"""How far two configurations are from each other, every hyperparameter weighing the same.

Standard library only. Gower's distance (Biometrics 1971), for numbers and words together.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tuning.settings import Configuration, Value

WIDE = 10.0
"""Positive numbers that span more than this factor are compared by their logarithms."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """The numbers that a hyperparameter took, smallest to largest, as 0 to 1."""

    low: float
    high: float

    @property
    def log(self) -> bool:
        return self.low > 0 and self.high > WIDE * self.low

    def place(self, value: float) -> float:
        """0 to 1 for values within the range; 0 where the range is a single number."""
        if self.low == self.high:
            return 0.0
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def is_number(value: Value) -> bool:
    """Whether a value is more than one of several words: `True` is a word."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def observed_scales(configurations: Iterable[Configuration]) -> dict[str, Scale]:
    """The range of every hyperparameter that took numbers only."""
    taken: dict[str, list[Value]] = {}
    for configuration in configurations:
        for name, value in configuration.items():
            taken.setdefault(name, []).append(value)
    return {
        name: Scale(low=min(map(float, values)), high=max(map(float, values)))
        for name, values in taken.items()
        if all(map(is_number, values))
    }


def distance(first: Configuration, second: Configuration, scales: Mapping[str, Scale]) -> float:
    """The mean difference over all hyperparameters that either has, 0 to 1.

    A hyperparameter that only one has, or with two words, differs by 1. `scales`: of a range that holds both.
    """
    names = first.keys() | second.keys()
    apart = [
        1.0 if name not in first or name not in second else _apart(first[name], second[name], scales.get(name))
        for name in sorted(names)
    ]
    return sum(apart) / len(apart) if apart else 0.0


def _apart(first: Value, second: Value, scale: Scale | None) -> float:
    if scale is None:
        return float(type(first) is not type(second) or first != second)
    return abs(scale.place(float(first)) - scale.place(float(second)))
