"""One run of a model builder: which hyperparameters it asks for, with which ranges, and what it is answered.

A plain Python function tells its space only by what it asks for while it runs. So a configuration is drawn while the
builder runs: a name counts only where it was asked for, with the range that it had there, and loops, conditions and
ranges that depend on other values are what the code says they are (define-by-run: Akiba et al., Optuna, KDD 2019).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras_tuner as kt

from tuning.errors import InputError
from tuning.settings import Configuration, Value
from tuning.space.points import Point
from tuning.space.ranges import Choices, FloatRange, IntRange, Range, Ranges

Choose = Callable[[str, Range, Value], Value]
"""Name, range and default of a hyperparameter → the value that the builder is answered."""


class RecordingHyperParameters(kt.HyperParameters):
    """Hyperparameters that `choose` answers, once a name, and that remember what was asked for.

    `fixed`: ranges that take the place of the builder's own. A hyperparameter under a condition that does not hold is
    not asked for: Keras Tuner answers None there.
    """

    def __init__(self, choose: Choose, *, fixed: Ranges | None = None) -> None:
        super().__init__()
        self._choose = choose
        self._fixed = fixed if fixed is not None else {}
        self._ranges: dict[str, Range] = {}

    @property
    def point(self) -> Point:
        """What was asked for so far."""
        return Point(values={name: self.values[name] for name in self._ranges}, ranges=dict(self._ranges))

    def ask(self, name: str, domain: Range, default: Value) -> Value:
        """The value of `name`, which is chosen if it was not asked for yet."""
        if name not in self._ranges:
            asked = self._fixed.get(name, domain)
            if type(default) is int and isinstance(asked, FloatRange):
                default = float(default)
            self.values[name] = self._choose(name, asked, default if asked is domain else _within(default, asked))
            self._ranges[name] = asked
        value: Value = self.values[name]
        return value

    def _retrieve(self, hp: Any) -> Any:
        if self.is_active(hp):
            self.ask(hp.name, range_of(hp), hp.default)
        return super()._retrieve(hp)


def answering(values: Configuration) -> Choose:
    """Answers with these values alone.

    Raises InputError for a name that they lack: the builder asks for something else than when they were drawn.
    """

    def choose(name: str, domain: Range, default: Value) -> Value:
        if name not in values:
            raise InputError(f"it asks for {name}, for which it did not ask when the configuration was drawn")
        return values[name]

    return choose


def ask_all(space: kt.HyperParameters) -> Callable[[RecordingHyperParameters], None]:
    """A space that Keras Tuner declares, as a builder that asks for all of it."""

    def ask(hp: RecordingHyperParameters) -> None:
        for entry in space.space:
            hp._retrieve(entry)

    return ask


def range_of(entry: Any) -> Range:
    """A hyperparameter that Keras Tuner knows, as a range of ours."""
    kinds = kt.engine.hyperparameters
    if isinstance(entry, kinds.Int):
        step = entry.step if entry.step is not None else 1
        return IntRange(low=entry.min_value, high=entry.max_value, step=step, **_scale(entry))
    if isinstance(entry, kinds.Float):
        low, high = float(entry.min_value), float(entry.max_value)
        step = None if entry.step is None else float(entry.step)
        return FloatRange(low=low, high=high, step=step, **_scale(entry)) if low < high else Choices(values=(low,))
    # A choice of numbers has an order unless it says otherwise; Keras Tuner's flag is False for text.
    return Choices(values=tuple(entry.values), is_ordered=bool(getattr(entry, "ordered", False)))


def _scale(entry: Any) -> Mapping[str, bool]:
    return {"log": entry.sampling != "linear", "reverse": entry.sampling == "reverse_log"}


def _within(default: Value, domain: Range) -> Value:
    if domain.contains(default):
        return default
    return domain.values[0] if isinstance(domain, Choices) else domain.low
