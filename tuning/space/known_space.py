"""The part of a search space that runs of the builder showed: a tree of names and ranges by the values before them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from tuning.errors import InputError
from tuning.settings import Configuration, Value
from tuning.space.points import Point
from tuning.space.ranges import Choices, FloatRange, Range, is_finite

_LEAF: Final = -1
"""In the place of a node: nothing is asked for after these values."""

_ATTEMPTS = 20

_Key = tuple[type, Value]
"""Python holds True, 1 and 1.0 for the same; a hyperparameter does not."""


@dataclass(kw_only=True, eq=False)
class _Node:
    """What is asked for after the values that lead here.

    `children`: value → number of the next node. `closed`: the values after which there is nothing new.
    """

    name: str
    range: Range
    children: dict[_Key, int] = field(default_factory=dict)
    closed: set[_Key] = field(default_factory=set)


class KnownSpace:
    """Points that were taken, and what is known by them of the rest.

    A builder asks for the same hyperparameters whenever it is answered the same. So two points have the same names and
    ranges up to the first value in which they differ, and a value that no point has at that place leads to a point that
    is new, whatever the builder asks for afterwards. A space of finitely many points is therefore used up exactly when
    no such place is left. `lists_reals`: ten values stand for each range of real numbers, as on a grid.
    """

    def __init__(self, *, lists_reals: bool = False) -> None:
        self.points: list[Point] = []
        self.lists_reals = lists_reals
        self._nodes: list[_Node] = []
        self._is_exhausted = False

    def __len__(self) -> int:
        """How many points were taken, those that were taken twice counted twice."""
        return len(self.points)

    @property
    def is_exhausted(self) -> bool:
        """Whether every point is taken."""
        return self._is_exhausted

    def add(self, point: Point) -> None:
        """Take a point, or a beginning that no configuration can have.

        Raises InputError if the builder asked for something else after the same values before.
        """
        path: list[tuple[_Node, _Key]] = []
        number = self._root
        for name, domain in point.ranges.items():
            value = point.values[name]
            if number == _LEAF:
                number = self._grow(_Node(name=name, range=domain), path)
            node = self._nodes[number]
            require_same(node, name, domain)
            path.append((node, _key(value)))
            number = node.children.get(_key(value), _LEAF)
        self.points.append(point)
        for node, key in path[-1:]:
            node.children.setdefault(key, _LEAF)
        self._close(path)

    def is_taken(self, values: Configuration) -> bool:
        """Whether a point with these values was taken; hyperparameters that it was not asked for do not count."""
        number = self._root
        while number != _LEAF:
            node = self._nodes[number]
            key = _key(values[node.name]) if node.name in values else None
            if key is None or key not in node.children:
                return False
            number = node.children[key]
        return bool(self.points)

    def sample(self, choose: Callable[[str, Range], Value]) -> Configuration:
        """A configuration that the builder is likely to have, as far as the known points tell.

        After a value that no point has, it is taken to ask for what it asked for after the nearest known one.
        """
        values: dict[str, Value] = {}
        number = self._root
        while number != _LEAF:
            node = self._nodes[number]
            values[node.name] = choose(node.name, node.range)
            number = _likely_child(node, values[node.name])
        return values

    def sample_new(self, choosers: Iterable[Callable[[str, Range], Value]]) -> list[Configuration]:
        """What `sample` gives for each of them, each configuration once, without those that were taken."""
        found = [self.sample(choose) for choose in choosers]
        different = {tuple((name, repr(value)) for name, value in values.items()): values for values in found}
        return [values for values in different.values() if not self.is_taken(values)]

    @property
    def _root(self) -> int:
        return 0 if self._nodes else _LEAF

    def _grow(self, node: _Node, path: list[tuple[_Node, _Key]]) -> int:
        """Let what ended there before go on."""
        self._nodes.append(node)
        number = len(self._nodes) - 1
        for parent, key in path[-1:]:
            parent.children[key] = number
        for parent, key in path:
            parent.closed.discard(key)
        self._is_exhausted = False
        return number

    def _close(self, path: list[tuple[_Node, _Key]]) -> None:
        """Note that there is nothing new at the end of the path, and so perhaps not before its end either."""
        for node, key in reversed(path):
            node.closed.add(key)
            if any(_key(value) not in node.closed for value in self._all_values(node)):
                return
        self._is_exhausted = True

    def _all_values(self, node: _Node) -> Iterator[Value]:
        """The values that there are; one that is never closed for a range that has no end of them."""
        if is_finite(node.range) or self.lists_reals:
            yield from node.range.list_values()
        else:
            yield "a real number"


class Walk:
    """One run of a builder through a known space, which leads to a new point."""

    def __init__(self, space: KnownSpace) -> None:
        self._space = space
        self._number = space._root

    def values(self, name: str, domain: Range) -> OpenRange:
        """The values of what the builder asks for next that lead to new points.

        Raises InputError if it asked for something else after the same values before.
        """
        node = None if self._number == _LEAF else self._space._nodes[self._number]
        if node is not None:
            require_same(node, name, domain)
        return OpenRange(range=domain, closed=set() if node is None else node.closed)

    def go(self, value: Value) -> None:
        """Note what the builder is answered."""
        if self._number != _LEAF:
            self._number = self._space._nodes[self._number].children.get(_key(value), _LEAF)


@dataclass(frozen=True, kw_only=True)
class OpenRange:
    """The values of a range but for the `closed` ones."""

    range: Range
    closed: set[_Key]

    def __contains__(self, value: Value) -> bool:
        return _key(value) not in self.closed

    def first(self) -> Value:
        """The first one that is listed."""
        return next((value for value in self.range.list_values() if value in self), self.range.list_values()[0])

    def draw(self, fractions: Iterator[float]) -> Value:
        """The first one at one of the fractions of the scale; where draws keep hitting closed ones, one of the rest."""
        for _ in range(_ATTEMPTS):
            value = self.range.at(next(fractions))
            if value in self:
                return value
        rest = [value for value in self.range.list_values() if value in self]
        return rest[int(next(fractions) * len(rest))] if rest else value


def require_same(node: _Node, name: str, domain: Range) -> None:
    """Raise InputError unless a node asks for this."""
    if (node.name, node.range) != (name, domain):
        raise InputError(
            f"the model builder asks for {name} ({domain}) where, after the same values, it asked for {node.name} "
            f"({node.range}) before: let what it asks for depend on hp alone"
        )


def _key(value: Value) -> _Key:
    return type(value), value


def _likely_child(node: _Node, value: Value) -> int:
    known = node.children
    if not known or _key(value) in known:
        return known.get(_key(value), _LEAF)
    if isinstance(node.range, Choices) and not node.range.is_ordered:
        return next(iter(known.values()))
    place = _fraction(node.range, value)
    return known[min(known, key=lambda key: abs(_fraction(node.range, key[1]) - place))]


def _fraction(domain: Range, value: Value) -> float:
    if isinstance(domain, FloatRange) and not domain.low <= float(value) <= domain.high:
        return 0.0 if float(value) < domain.low else 1.0
    return domain.fraction(value)
