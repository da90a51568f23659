"""Ranges of hyperparameters as data: what a caller can narrow, and how Keras Tuner is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from tuning.errors import InputError
from tuning.records import Value

if TYPE_CHECKING:
    import keras_tuner as kt


@dataclass(frozen=True, kw_only=True)
class Choices:
    """One of the given values; a single value is fixed, not searched."""

    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("Choices must hold at least one value, got none")

    def contains(self, value: Value) -> bool:
        return any(type(value) is type(choice) and value == choice for choice in self.values)

    def declare(self, hp: kt.HyperParameters, name: str, default: Value) -> Value:
        if len(self.values) == 1:
            fixed: Value = hp.Fixed(name, self.values[0])
            return fixed
        within = default if self.contains(default) else self.values[0]
        value: Value = hp.Choice(name, list(self.values), default=within)
        return value

    def __str__(self) -> str:
        return "one of " + ", ".join(map(str, self.values))


@dataclass(frozen=True, kw_only=True)
class IntRange:
    """The whole numbers `low`, `low + step`, … up to and including `high`."""

    low: int
    high: int
    step: int = 1

    def __post_init__(self) -> None:
        if self.low > self.high or self.step < 1:
            raise ValueError(f"IntRange needs low <= high and step >= 1, got {self}")

    def contains(self, value: Value) -> bool:
        return type(value) is int and self.low <= value <= self.high and (value - self.low) % self.step == 0

    def declare(self, hp: kt.HyperParameters, name: str, default: Value) -> Value:
        value: Value = hp.Int(
            name, self.low, self.high, self.step, default=default if self.contains(default) else self.low
        )
        return value

    def __str__(self) -> str:
        return f"{self.low} to {self.high} in steps of {self.step}"


@dataclass(frozen=True, kw_only=True)
class FloatRange:
    """The real numbers from `low` to `high`; with `log`, sampled evenly on a logarithmic scale."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError(f"FloatRange needs low < high, and low > 0 on a log scale, got {self}")

    def contains(self, value: Value) -> bool:
        return isinstance(value, float) and self.low <= value <= self.high

    def declare(self, hp: kt.HyperParameters, name: str, default: Value) -> Value:
        sampling = "log" if self.log else "linear"
        within = default if self.contains(default) else self.low
        value: Value = hp.Float(name, self.low, self.high, sampling=sampling, default=within)
        return value

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}" + (" (log scale)" if self.log else "")


Range = Choices | IntRange | FloatRange
Ranges = Mapping[str, Range]


def narrow(ranges: Ranges, changes: Mapping[str, Range]) -> dict[str, Range]:
    """`ranges` with some of them replaced. Raises InputError for a name that is not among them."""
    for name in changes:
        require_known(name, ranges)
    return {**ranges, **changes}


def require_known(name: str, ranges: Ranges) -> None:
    """Raise InputError unless `ranges` holds `name`; the message suggests the nearest name."""
    if name in ranges:
        return
    near = get_close_matches(name, ranges, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(ranges)}"
    raise InputError(f"unknown hyperparameter {name}: {hint}")
