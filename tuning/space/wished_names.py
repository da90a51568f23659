"""Names that a user gives ranges for: does the model builder ask for them?"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from difflib import get_close_matches

from tuning.errors import InputError
from tuning.names import require_known
from tuning.space.drawing import MOST_BUILDS, Asking, Drawing, draw
from tuning.space.known_space import KnownSpace
from tuning.space.points import Point

LONGEST_SECONDS = 5.0
ALIKE = 0.8
"""Of all letters of two names: what may be a slip of the fingers."""


def require_likely(builder: Asking, first: Point, wished: Iterable[str]) -> None:
    """Raise InputError for a name that the builder can't ask for, or that is likely a misspelling of another one.

    `first`: what it asks for in its first configuration. For what is missing there it is run with other values, at most
    `MOST_BUILDS` times and 5 s; a name that still does not turn up may lie behind a condition.
    """
    missing = [name for name in wished if name not in first.ranges]
    if not missing:
        return
    space = _explore(builder, first)
    seen = dict.fromkeys(name for point in space.points for name in point.ranges)
    for name in missing:
        if space.is_exhausted:
            require_known(name, seen)
        near = [other for other in get_close_matches(name, seen, cutoff=ALIKE) if _pattern(other) != _pattern(name)]
        if name not in seen and near:
            raise InputError(f"unknown hyperparameter {name}: did you mean {near[0]}?")


def never_asked_for(wished: Iterable[str], configurations: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """The names that none of the configurations has."""
    seen = {name for configuration in configurations for name in configuration}
    return tuple(name for name in wished if name not in seen)


def _explore(builder: Asking, first: Point) -> KnownSpace:
    space, began = KnownSpace(), time.monotonic()
    space.add(first)
    while not space.is_exhausted and len(space) < MOST_BUILDS and time.monotonic() - began < LONGEST_SECONDS:
        space.add(draw(builder, Drawing(seed=len(space)), space).point)
    return space


def _pattern(name: str) -> str:
    """`units_3` and `units_0` are two of one loop, and no misspelling of each other."""
    return re.sub(r"\d+", "#", name)
