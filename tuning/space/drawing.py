"""Configurations, drawn while the model builder runs."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from tuning.errors import ImpossibleError, InputError, UserCodeError
from tuning.failures import traceback_of
from tuning.names import require_known
from tuning.settings import Configuration, Value
from tuning.space.known_space import KnownSpace, OpenRange, Walk
from tuning.space.points import Point
from tuning.space.ranges import Range, Ranges, parse_value
from tuning.space.recording import Choose, RecordingHyperParameters

MOST_BUILDS = 30
"""Of a builder whose defaults are impossible, before it is taken to be wrong."""


class Asking(Protocol):
    """What a drawing needs of a model builder. `fixed`: ranges that take the place of its own."""

    name: str
    fixed: Ranges

    def ask(self, hp: RecordingHyperParameters) -> None:
        """Run whatever asks for hyperparameters.

        Raises ImpossibleError for a combination that no model can be made of, UserCodeError where the code fails.
        """


class Described(Asking, Protocol):
    """A model builder that knows what it may ask for."""

    def described_space(self) -> dict[str, str]:
        """Name → its range in words."""


class Otherwise(StrEnum):
    """The value of a hyperparameter that nothing else is wanted of: drawn at random, the first new one, its default."""

    RANDOM = "random"
    FIRST = "first"
    DEFAULT = "default"


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """What is to be drawn: a new point with the `wanted` values, as far as it is asked for them and they lie in range.

    `seed`: 0 or more; everything random derives from it. `is_final`: the wanted values count in any case, whatever the
    range is and whether the point is new or not.
    """

    wanted: Configuration = field(default_factory=dict)
    otherwise: Otherwise = Otherwise.RANDOM
    seed: int = 0
    is_final: bool = False


class BuildOutcome(StrEnum):
    """How a run of the builder ended: with a model, with a combination that can't be, or with an error."""

    POSSIBLE = "possible"
    IMPOSSIBLE = "impossible"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A point, as far as the builder asked. `reason`, in one line, and `traceback` are empty for one with a model."""

    point: Point
    outcome: BuildOutcome = BuildOutcome.POSSIBLE
    reason: str = ""
    traceback: str = ""


def draw(
    builder: Asking, drawing: Drawing, space: KnownSpace, *, on_asked: Callable[[Point], None] = lambda point: None
) -> Drawn:
    """Run the builder once, through `space`, which stays as it is: the new point is the caller's to add.

    `on_asked` is called with every value before the builder is. Raises InputError if the builder asks for something
    else than before after the same values, and if it ends the search.
    """
    point, error = _run(builder, _Chooser(drawing, Walk(space)), on_asked=on_asked)
    if error is None:
        return Drawn(point=point)
    if isinstance(error, UserCodeError) and error.ends_the_search:
        raise error
    return Drawn(
        point=point,
        outcome=BuildOutcome.IMPOSSIBLE if isinstance(error, ImpossibleError) else BuildOutcome.FAILED,
        reason=error.reason if isinstance(error, UserCodeError) else str(error),
        traceback=traceback_of(error),
    )


def complete(builder: Asking, values: Configuration) -> Point:
    """`values`, completed by the defaults of whatever else the builder asks for.

    Raises InputError for a name that the builder does not ask for with these values, for a value outside its range,
    and where the builder fails.
    """

    def choose(name: str, domain: Range, default: Value) -> Value:
        given = values.get(name, default)
        if given != default and not domain.contains(given):
            raise InputError(f"{name} must be {domain}, got {given}")
        return given

    point = _answer(builder, choose)
    for name in values:
        require_known(name, point.values)
    return point


def overlap(builder: Asking, values: Configuration) -> Point | None:
    """The point that has these values, as far as the builder asks for them, and defaults for the rest.

    None where one lies outside its range, where the builder asks for none, and where it says that they are impossible.
    """
    outside: list[str] = []

    def choose(name: str, domain: Range, default: Value) -> Value:
        if name in values and not domain.contains(values[name]):
            outside.append(name)
        return values.get(name, default) if name not in outside else default

    point, error = _run(builder, choose)
    return None if error is not None or outside or not values.keys() & point.values.keys() else point


def parse(builder: Described, texts: Mapping[str, str]) -> Point:
    """Texts from the command line, completed likewise.

    Raises InputError as `complete` does, and for a hyperparameter that the others leave without effect.
    """

    def choose(name: str, domain: Range, default: Value) -> Value:
        if name not in texts:
            return default
        value = parse_value(name, texts[name], domain)
        if not domain.contains(value):
            raise InputError(f"{name} must be {domain}, got {texts[name]}")
        return value

    point = _answer(builder, choose)
    known = {**point.values, **builder.described_space()}
    for name in texts:
        require_known(name, known)
        if name not in point.values:
            raise InputError(f"{name} has no effect in this configuration: leave it out")
    return point


def first_point(builder: Asking) -> Point:
    """The defaults; where the builder says that they are impossible, the first drawn point that is not.

    Raises InputError where the builder fails, and if none of `MOST_BUILDS` points is possible.
    """
    space = KnownSpace()
    first: InputError | None = None
    for number in range(MOST_BUILDS):
        otherwise = Otherwise.RANDOM if number else Otherwise.DEFAULT
        point, error = _run(builder, _Chooser(Drawing(otherwise=otherwise, seed=number), Walk(space)))
        if error is None:
            return point
        first = first if first is not None else error
        space.add(point)
        if not isinstance(error, ImpossibleError) or space.is_exhausted:
            break
    assert first is not None
    raise first


def _answer(builder: Asking, choose: Choose) -> Point:
    point, error = _run(builder, choose)
    if error is not None:
        raise error
    return point


def _run(
    builder: Asking, choose: Choose, *, on_asked: Callable[[Point], None] = lambda point: None
) -> tuple[Point, InputError | None]:
    """What the builder asked for, and what it raised, if it did. Raises what `choose` raises."""
    refusals: list[InputError] = []

    def chosen(name: str, domain: Range, default: Value) -> Value:
        try:
            value = choose(name, domain, default)
        except InputError as error:
            refusals.append(error)
            raise
        asked = hp.point
        on_asked(Point(values={**asked.values, name: value}, ranges={**asked.ranges, name: domain}))
        return value

    hp = RecordingHyperParameters(chosen, fixed=builder.fixed)
    try:
        builder.ask(hp)
    except InputError as error:
        if refusals:
            # Raised in the midst of the user's own code, which is not at fault.
            raise refusals[0] from error
        return hp.point, error
    return hp.point, None


class _Chooser:
    """Answers a builder as a drawing says, on a way that leads to a new point."""

    def __init__(self, drawing: Drawing, walk: Walk) -> None:
        self._drawing, self._walk = drawing, walk
        self._fractions: Iterator[float] = iter(random.Random(drawing.seed).random, None)

    def __call__(self, name: str, domain: Range, default: Value) -> Value:
        value = self._value(self._walk.values(name, domain), name, default)
        self._walk.go(value)
        return value

    def _value(self, new: OpenRange, name: str, default: Value) -> Value:
        drawing = self._drawing
        if name in drawing.wanted:
            wanted = drawing.wanted[name]
            if drawing.is_final or (wanted in new and (new.range.contains(wanted) or wanted == default)):
                return wanted
        match drawing.otherwise:
            case Otherwise.DEFAULT if default in new or drawing.is_final:
                return default
            case Otherwise.FIRST:
                return new.first()
        return new.draw(self._fractions)
