"""What a user narrows, widens or fixes, as a space file holds it → ranges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuning.errors import InputError
from tuning.names import require_known
from tuning.settings import Value
from tuning.space.ranges import Choices, FloatRange, IntRange, Range

_KEYS = ("low", "high", "step", "log")


def ranges_from(data: Mapping[str, Any]) -> dict[str, Range]:
    """Hyperparameter → its range: a value fixes it, a list is its choices, `{low, high, step, log}` a range.

    Numbers in a range are whole unless one of them has a decimal point. Raises InputError naming the hyperparameter.
    """
    return {name: _range(name, given) for name, given in data.items()}


def _range(name: str, given: Any) -> Range:
    if isinstance(given, list):
        return _choices(name, given)
    if not isinstance(given, Mapping):
        return _choices(name, [given])
    for key in given:
        require_known(key, _KEYS, what=f"key of {name}")
    if "low" not in given or "high" not in given:
        raise InputError(f"{name} must have low and high, got {dict(given)}")
    try:
        bounds = [given["low"], given["high"]]
        if all(type(bound) is int for bound in bounds):
            return IntRange(low=bounds[0], high=bounds[1], step=given.get("step", 1), log=given.get("log", False))
        if "step" in given:
            raise InputError(f"{name} is a range of real numbers, which has no step: leave it out")
        return FloatRange(low=float(bounds[0]), high=float(bounds[1]), log=given.get("log", False))
    except InputError:
        raise
    except (ValueError, TypeError) as error:
        raise InputError(f"{name} can't be {dict(given)}: {error}") from error


def _choices(name: str, given: list[Any]) -> Choices:
    kinds = {type(value) for value in given}
    if not given or len(kinds) > 1 or not kinds <= {bool, int, float, str}:
        raise InputError(f"{name} must be one value, a list of values of one kind, or a range, got {given}")
    values: tuple[Value, ...] = tuple(dict.fromkeys(given))
    return Choices(values=values)
