"""Configurations as rows of numbers, so that what is alike lies close."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuning.settings import Configuration, Value
from tuning.space.distance import Scale, is_number, observed_scales
from tuning.space.points import Point
from tuning.space.ranges import Choices, Range, is_fixed

_ABSENT = 0.5


@dataclass(frozen=True, kw_only=True)
class Features:
    """The columns that configurations have: a number's place in its range, and one column for each of several words.

    Two different words are as far apart as the ends of a range. What a configuration lacks lies half-way. A
    hyperparameter whose range depends on others is placed among the values that it took.
    """

    ranges: Mapping[str, Range]
    scales: Mapping[str, Scale]
    words: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, points: Sequence[Point]) -> Features:
        """The columns that tell the points apart."""
        found: dict[str, set[Range]] = {}
        for point in points:
            for name, domain in point.ranges.items():
                found.setdefault(name, set()).add(domain)
        ranges, scales, words = {}, {}, {}
        observed = observed_scales([point.values for point in points])
        for name, domains in found.items():
            domain = next(iter(domains))
            if len(domains) == 1 and _has_order(domain):
                if not is_fixed(domain):
                    ranges[name] = domain
            elif name in observed and not all(isinstance(each, Choices) and not _has_order(each) for each in domains):
                scales[name] = observed[name]
            else:
                known = {repr(value) for each in domains if isinstance(each, Choices) for value in each.values}
                known |= {repr(point.values[name]) for point in points if name in point.values}
                if len(known) > 1:
                    words[name] = tuple(sorted(known))
        return cls(ranges=ranges, scales=scales, words=words)

    def rows(self, configurations: Sequence[Configuration]) -> NDArray[np.float64]:
        """(configurations, columns)"""
        columns = len(self.ranges) + len(self.scales) + sum(len(known) for known in self.words.values())
        rows = [self._row(values) for values in configurations]
        return np.array(rows, dtype=float).reshape(len(configurations), columns)

    def _row(self, values: Configuration) -> list[float]:
        row = [_place(domain, values.get(name)) for name, domain in self.ranges.items()]
        for name, scale in self.scales.items():
            value = values.get(name)
            row.append(scale.place(float(value)) if value is not None and is_number(value) else _ABSENT)
        for name, known in self.words.items():
            said = repr(values[name]) if name in values else None
            row += [float(said == word) / np.sqrt(2) for word in known]
        return row


def _has_order(domain: Range) -> bool:
    return not isinstance(domain, Choices) or domain.is_ordered


def _place(domain: Range, value: Value | None) -> float:
    if value is None:
        return _ABSENT
    # The default of a hyperparameter need not lie in its range.
    if isinstance(domain, Choices) and not domain.contains(value):
        return _ABSENT
    return min(max(domain.fraction(value), 0.0), 1.0)
