"""Which hyperparameters does a user's model builder have? Found by running it.

A plain Python function tells its space only by what it asks for while it runs, and an `if hp.Boolean(…):` hides a
part of it. Keras Tuner meets such a part in the middle of a search; here the space is known before the first trial, so
that a resumed search sees the same one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras_tuner as kt

from tuning.settings import Configuration, Value
from tuning.space import Choices, FloatRange, IntRange, Range, Ranges

MOST_RUNS = 40


class RecordingHyperParameters(kt.HyperParameters):
    """Hyperparameters that remember which of them were asked for: the others have no effect on what was built.

    `asked` holds the names, `used` the values of those that were active.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()
        self.used: dict[str, Value] = {}

    def _retrieve(self, hp: Any) -> Any:
        value = super()._retrieve(hp)
        self.asked.add(hp.name)
        if value is not None:
            self.used[hp.name] = value
        return value

    def get(self, name: str) -> Any:
        value = super().get(name)
        self.used[name] = value
        return value


def holding(values: Configuration, fixed: Ranges) -> RecordingHyperParameters:
    """Hyperparameters of these values. What `fixed` names is declared first: a builder's own range is then ignored."""
    hp = RecordingHyperParameters()
    hp.values = dict(values)
    for name, domain in fixed.items():
        domain.declare(hp, name, _first(domain))
    hp.asked.clear()
    hp.used.clear()
    return hp


def explore(run: Callable[[RecordingHyperParameters], None], fixed: Ranges) -> kt.HyperParameters:
    """The space that `run` declares when it is called with the defaults, and with other values of each hyperparameter.

    Every value of a choice is tried, and both ends of a range of whole numbers, one hyperparameter at a time, until
    nothing new turns up or after 40 runs. `run` builds a model of the hyperparameters it is given; what it raises with
    the defaults is raised here, a combination that fails elsewhere only fails its own trials.
    """
    space = kt.HyperParameters()
    waiting: list[dict[str, Value]] = [{}]
    known: set[str] = set()
    runs = 0
    while waiting and runs < MOST_RUNS:
        values = waiting.pop(0)
        hp = holding(values, fixed)
        runs += 1
        try:
            run(hp)
        except Exception:
            if not values:
                raise
        space.merge(hp.space, overwrite=False)
        for entry in hp.space:
            if entry.name not in known:
                known.add(entry.name)
                waiting += [{**values, entry.name: other} for other in _others(entry) if other != entry.default]
    return space


def range_of(entry: Any) -> Range:
    """A hyperparameter that Keras Tuner knows, as a range of ours."""
    if isinstance(entry, kt.engine.hyperparameters.Int):
        step = entry.step if entry.step is not None else 1
        return IntRange(low=entry.min_value, high=entry.max_value, step=step, log=entry.sampling == "log")
    if isinstance(entry, kt.engine.hyperparameters.Float):
        low, high = float(entry.min_value), float(entry.max_value)
        return FloatRange(low=low, high=high, log=entry.sampling == "log") if low < high else Choices(values=(low,))
    return Choices(values=tuple(entry.values))


def _others(entry: Any) -> list[Value]:
    if isinstance(entry, kt.engine.hyperparameters.Int):
        return [entry.max_value, entry.min_value]
    return [] if isinstance(entry, kt.engine.hyperparameters.Float) else list(entry.values)


def _first(domain: Range) -> Value:
    return domain.values[0] if isinstance(domain, Choices) else domain.low
