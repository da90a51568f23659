"""Ranges of hyperparameters as data: what a caller can narrow, and how Keras Tuner is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuning.errors import InputError
from tuning.settings import Value

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
    """The whole numbers `low`, `low + step`, … up to and including `high`.

    With `log`, sampled evenly on a logarithmic scale; a `step` above 1 then multiplies: `low`, `low × step`, ….
    """

    low: int
    high: int
    step: int = 1
    log: bool = False

    def __post_init__(self) -> None:
        if self.low > self.high or self.step < 1 or (self.log and self.low < 1):
            raise ValueError(f"a range needs low <= high, step >= 1, and low >= 1 on a log scale, got {self}")

    def contains(self, value: Value) -> bool:
        if type(value) is not int or not self.low <= value <= self.high:
            return False
        if not self.log:
            return (value - self.low) % self.step == 0
        reached = self.low
        while self.step > 1 and reached < value:
            reached *= self.step
        return self.step == 1 or reached == value

    def declare(self, hp: kt.HyperParameters, name: str, default: Value) -> Value:
        within = default if self.contains(default) else self.low
        step = None if self.log and self.step == 1 else self.step
        sampling = "log" if self.log else "linear"
        value: Value = hp.Int(name, self.low, self.high, step, sampling=sampling, default=within)
        return value

    def __str__(self) -> str:
        if self.log:
            return f"{self.low} to {self.high}" + (f" in factors of {self.step}" if self.step > 1 else " (log scale)")
        return f"{self.low} to {self.high}" + (f" in steps of {self.step}" if self.step > 1 else "")


@dataclass(frozen=True, kw_only=True)
class FloatRange:
    """The real numbers from `low` to `high`; with `log`, sampled evenly on a logarithmic scale."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError(f"a range needs low < high, and low > 0 on a log scale, got {self}")

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


def parse_value(name: str, text: str, domain: Range) -> Value:
    """The value that a text from the command line stands for. Raises InputError if it is of the wrong kind."""
    example = domain.values[0] if isinstance(domain, Choices) else domain.low
    if isinstance(example, bool):
        return {"true": True, "false": False}.get(text.lower(), text)
    try:
        return type(example)(text)
    except ValueError as error:
        kind = "a whole number" if isinstance(example, int) else "a number"
        raise InputError(f"{name} must be {kind}, got {text}") from error
