"""Ranges of hyperparameters as data: what a value can be, and how it is drawn."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from tuning.errors import InputError
from tuning.files.json_record import FieldError, JsonRecord
from tuning.settings import Value
from tuning.space.scales import Sampling, fraction_of, number_at, real_steps, whole_steps

if TYPE_CHECKING:
    import keras_tuner as kt

_Any = TypeVar("_Any")

REAL_VALUES = 10
"""As many values stand for a range of real numbers where its values are listed."""


@dataclass(frozen=True, kw_only=True)
class Choices(JsonRecord):
    """One of the given values; a single value is fixed, not searched. `is_ordered`: neighbours are alike."""

    values: tuple[Value, ...]
    is_ordered: bool = False

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
        # Keras Tuner takes an order for granted where there are numbers.
        value: Value = hp.Choice(name, list(self.values), ordered=True if self.is_ordered else None, default=within)
        return value

    def list_values(self) -> Sequence[Value]:
        """All values, each once."""
        return tuple({(type(value), value): value for value in self.values}.values())

    def at(self, fraction: float) -> Value:
        """The value at `fraction`, 0 to 1, of the scale on which it is drawn evenly."""
        return _nth(self.list_values(), fraction)

    def fraction(self, value: Value) -> float:
        """Where on its scale a value lies, 0 to 1: in the middle of its share, so that `at` leads back to it."""
        listed = self.list_values()
        return ([(type(each), each) for each in listed].index((type(value), value)) + 0.5) / len(listed)

    def __str__(self) -> str:
        return "one of " + ", ".join(map(str, self.values))


@dataclass(frozen=True, kw_only=True)
class IntRange(JsonRecord):
    """The whole numbers `low`, `low + step`, … up to and including `high`.

    With `log`, sampled evenly on a logarithmic scale; a `step` above 1 then multiplies: `low`, `low × step`, …. With
    `reverse`, that scale is dense at its upper end.
    """

    low: int
    high: int
    step: int = 1
    log: bool = False
    reverse: bool = False

    def __post_init__(self) -> None:
        if self.low > self.high or self.step < 1 or (self.log and self.low < 1):
            raise ValueError(f"a range needs low <= high, step >= 1, and low >= 1 on a log scale, got {self}")

    @property
    def sampling(self) -> Sampling:
        return _sampling(log=self.log, reverse=self.reverse)

    def contains(self, value: Value) -> bool:
        return type(value) is int and value in self.list_values()

    def declare(self, hp: kt.HyperParameters, name: str, default: Value) -> Value:
        within = default if self.contains(default) else self.low
        step = None if self.log and self.step == 1 else self.step
        value: Value = hp.Int(name, self.low, self.high, step, sampling=self.sampling.value, default=within)
        return value

    def list_values(self) -> Sequence[int]:
        """All values, ascending."""
        if self.step == 1 or self.low == self.high:
            return range(self.low, self.high + 1)
        return whole_steps(self.low, self.high, self.step, self.sampling)

    def at(self, fraction: float) -> int:
        """As `Choices.at`."""
        if self.step > 1 or not self.log:
            return _nth(self.list_values(), fraction)
        return min(max(int(number_at(fraction, self.low, self.high + 1, self.sampling)), self.low), self.high)

    def fraction(self, value: Value) -> float:
        """As `Choices.fraction`; a number between two steps, as a default may be, lies where the nearest one does."""
        if not self.log:
            count = len(self.list_values())
            return (min(round((float(value) - self.low) / self.step), count - 1) + 0.5) / count
        if self.step == 1:
            return fraction_of(float(value) + 0.5, self.low, self.high + 1, self.sampling)
        return _place_among(self.list_values(), float(value))

    def __str__(self) -> str:
        if self.log:
            return f"{self.low} to {self.high}" + (f" in factors of {self.step}" if self.step > 1 else " (log scale)")
        return f"{self.low} to {self.high}" + (f" in steps of {self.step}" if self.step > 1 else "")


@dataclass(frozen=True, kw_only=True)
class FloatRange(JsonRecord):
    """The real numbers from `low` to `high`, or with `step` those that are so far apart.

    `log`, `reverse` and a `step` with them are as those of `IntRange`.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None
    reverse: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError(f"a range needs low < high, and low > 0 on a log scale, got {self}")
        if self.step is not None and not self.step > (1 if self.log else 0):
            raise ValueError(f"a step must be above 0, and above 1 on a log scale, got {self}")

    @property
    def sampling(self) -> Sampling:
        return _sampling(log=self.log, reverse=self.reverse)

    def contains(self, value: Value) -> bool:
        if not isinstance(value, float) or not self.low <= value <= self.high:
            return False
        return self.step is None or value in self.list_values()

    def declare(self, hp: kt.HyperParameters, name: str, default: Value) -> Value:
        within = default if self.contains(default) else self.low
        value: Value = hp.Float(name, self.low, self.high, self.step, sampling=self.sampling.value, default=within)
        return value

    def list_values(self) -> Sequence[float]:
        """All values of one with steps, else `REAL_VALUES` evenly on the scale, both ends included."""
        if self.step is not None:
            return real_steps(self.low, self.high, self.step, self.sampling)
        inner = [self.at(number / (REAL_VALUES - 1)) for number in range(1, REAL_VALUES - 1)]
        return list(dict.fromkeys([self.low, *inner, self.high]))

    def at(self, fraction: float) -> float:
        """As `Choices.at`."""
        if self.step is not None:
            return _nth(self.list_values(), fraction)
        return min(max(number_at(fraction, self.low, self.high, self.sampling), self.low), self.high)

    def fraction(self, value: Value) -> float:
        """As `IntRange.fraction`."""
        if self.step is not None:
            return _place_among(self.list_values(), float(value))
        return fraction_of(float(value), self.low, self.high, self.sampling)

    def __str__(self) -> str:
        scale = " (log scale)" if self.log else ""
        steps = "" if self.step is None else f" in {'factors' if self.log else 'steps'} of {self.step:g}"
        return f"{self.low:g} to {self.high:g}" + (steps or scale)


Range = Choices | IntRange | FloatRange
Ranges = Mapping[str, Range]

_KINDS: dict[str, type[Range]] = {"choices": Choices, "int": IntRange, "float": FloatRange}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def is_finite(domain: Range) -> bool:
    """Whether `list_values` gives all values of the range."""
    return not isinstance(domain, FloatRange) or domain.step is not None


def is_fixed(domain: Range) -> bool:
    """Whether the range has a single value."""
    return is_finite(domain) and len(domain.list_values()) == 1


def range_as_json(domain: Range) -> dict[str, Any]:
    """The range as JSON has it; what is left at its default is left out."""
    fields = {field.name: (getattr(domain, field.name), field.default) for field in dataclasses.fields(domain)}
    stated = {name: value for name, (value, default) in fields.items() if value != default}
    return {"kind": _NAMES[type(domain)], **stated}


def range_from_json(data: Mapping[str, Any]) -> Range:
    """The inverse of `range_as_json`. Raises FieldError for anything else."""
    if not isinstance(data, Mapping) or data.get("kind") not in _NAMES.values():
        raise FieldError(f"the kind of a range must be one of {', '.join(_KINDS)}, got {str(data)[:80]}")
    return _KINDS[data["kind"]].from_json({name: value for name, value in data.items() if name != "kind"})


def ranges_as_json(ranges: Ranges) -> dict[str, Any]:
    """Name → range, as JSON has it."""
    return {name: range_as_json(domain) for name, domain in ranges.items()}


def ranges_from_json(data: Mapping[str, Any]) -> dict[str, Range]:
    """The inverse of `ranges_as_json`. Raises as `range_from_json` does."""
    return {name: range_from_json(domain) for name, domain in data.items()}


def parse_value(name: str, text: str, domain: Range) -> Value:
    """The value that a text from the command line means. Raises InputError if it is of the wrong kind."""
    example = domain.values[0] if isinstance(domain, Choices) else domain.low
    if isinstance(example, bool):
        return {"true": True, "false": False}.get(text.lower(), text)
    try:
        return type(example)(text)
    except ValueError as error:
        kind = "a whole number" if isinstance(example, int) else "a number"
        raise InputError(f"{name} must be {kind}, got {text}") from error


def _sampling(*, log: bool, reverse: bool) -> Sampling:
    return Sampling.REVERSE_LOG if reverse else Sampling.LOG if log else Sampling.LINEAR


def _nth(values: Sequence[_Any], fraction: float) -> _Any:
    return values[min(int(fraction * len(values)), len(values) - 1)]


def _place_among(values: Sequence[float], number: float) -> float:
    nearest = min(range(len(values)), key=lambda index: abs(values[index] - number))
    return (nearest + 0.5) / len(values)
