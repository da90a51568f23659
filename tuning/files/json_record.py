"""Frozen dataclasses as JSON objects and back: every value is read as the kind that its field is declared as."""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, ClassVar, Self, Union

_LONGEST = 80
_NON_FINITE = ("nan", "inf", "-inf")
_PLAIN: dict[Any, tuple[tuple[type, ...], str]] = {
    str: ((str,), "text"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    bool: ((bool,), "true or false"),
    type(None): ((type(None),), "null"),
}

Place = str
"""Of a value in a file, its keys with dots between them."""


class FieldError(ValueError):
    """A value in a file is not of the kind that its place asks for, in a few words that name the place."""


class MissingFieldError(FieldError):
    """A file lacks a place."""

    def __init__(self, place: Place) -> None:
        super().__init__(f"{place} is missing")
        self.place = place


@dataclasses.dataclass(frozen=True)
class Codec:
    """How values are written that the annotations alone do not explain, as in `Annotated[Thing, Codec(…)]`.

    `decode` raises ValueError, LookupError or TypeError.
    """

    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


ANY_NUMBER = "any number"
"""`Annotated[float, ANY_NUMBER]` may be NaN or infinite, which is written as text: JSON has no word for them."""
EMPTY_IS_NONE = "an empty string is none"
"""`Annotated[str | None, EMPTY_IS_NONE]`: earlier releases wrote an empty string where there was nothing."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class JsonRecord:
    """A frozen dataclass of JSON values, tuples, mappings, enums and other such records.

    `from_json` is the inverse of `as_json`. `_ADDED` names properties that are written for readers of the file.
    `_OMITTED` names fields that are left out while they hold None. `_EARLIER` names what earlier releases wrote and
    nothing reads any more. `_FLAT` names a field, a record or a mapping, whose entries are written beside the others.
    The default of a field `version` is the newest one that is read; an object that does not say its version is of the
    first.
    """

    _ADDED: ClassVar[tuple[str, ...]] = ()
    _OMITTED: ClassVar[tuple[str, ...]] = ()
    _EARLIER: ClassVar[tuple[str, ...]] = ()
    _FLAT: ClassVar[str | None] = None

    def as_json(self) -> dict[str, Any]:
        """The fields in their order, as values that JSON has."""
        own: Any = type(self)
        kinds = _kinds(own)
        left_out = {name for name in self._OMITTED if getattr(self, name) is None}
        fields = {name: _encode(getattr(self, name), kind) for name, kind in kinds.items() if name not in left_out}
        beside = {} if self._FLAT is None else fields.pop(self._FLAT)
        return {**beside, **fields, **{name: _encode(getattr(self, name), Any) for name in self._ADDED}}

    @classmethod
    def _names(cls) -> set[str]:
        """All that an object may hold."""
        own: Any = cls
        return {*_kinds(own), *cls._ADDED}

    @classmethod
    def from_json(cls, data: Any, *, place: Place = "") -> Self:
        """Raises FieldError for a field that is missing, unknown, of another kind or with an impossible value."""
        if not isinstance(data, Mapping):
            raise _of_another_kind(place, "an object", data)
        own: Any = cls
        kinds, known = _kinds(own), cls._names()
        if "version" in kinds:
            _check_version(data.get("version", 1), own.version)
        others = {name: value for name, value in data.items() if name not in known and name not in cls._EARLIER}
        if cls._FLAT is not None:
            if cls._FLAT in data:
                raise _unknown(place, cls._FLAT)
            data = {**data, cls._FLAT: others}
        elif others:
            raise _unknown(place, next(iter(others)))
        values = {
            name: data[name]
            if type(data[name]) in _exact(kind)
            else _decode(data[name], kind, place if name == cls._FLAT else _within(place, name))
            for name, kind in kinds.items()
            if name in data
        }
        for field in dataclasses.fields(cls):
            is_needed = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
            if is_needed and field.name not in values:
                raise MissingFieldError(_within(place, field.name))
        try:
            return cls(**values)
        except FieldError:
            raise
        except ValueError as error:
            raise FieldError(f"{place}: {error}" if place else str(error)) from error


def _check_version(version: Any, newest: int) -> None:
    if type(version) is not int or version < 1:
        raise _of_another_kind("version", "a whole number from 1 on", version)
    if version > newest:
        raise FieldError(f"version {version} is of a later release: update this one")


def _within(place: Place, name: str) -> Place:
    return f"{place}.{name}" if place else name


def _unknown(place: Place, name: object) -> FieldError:
    text = str(name)
    return FieldError(
        f"{_within(place, text if text.isprintable() and len(text) <= _LONGEST else _show(text))} is unknown"
    )


def _of_another_kind(place: Place, wanted: str, value: Any) -> FieldError:
    return FieldError(f"{place if place else 'it'} must be {wanted}, got {_show(value)}")


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


@functools.cache
def _kinds(cls: Any) -> Mapping[str, Any]:
    """Field → its declared kind."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


@functools.cache
def _exact(kind: Any) -> frozenset[type]:
    """Classes whose values are of this kind, whatever they are, so that most of a file is read at once."""
    if typing.get_origin(kind) in (Union, types.UnionType):
        return frozenset[type]().union(*map(_exact, typing.get_args(kind)))
    if typing.get_origin(kind) is typing.Annotated:
        return frozenset({float}) if kind.__metadata__[0] == ANY_NUMBER else frozenset()
    return frozenset(_PLAIN[kind][0]) if kind in (str, bool, type(None)) else frozenset()


def _encode(value: Any, kind: Any) -> Any:
    extra = kind.__metadata__[0] if typing.get_origin(kind) is typing.Annotated else None
    if isinstance(extra, Codec):
        return extra.encode(value)
    if value is None or type(value) in (str, int, bool):
        return value
    if extra == ANY_NUMBER:
        return value if math.isfinite(value) else str(value)
    if isinstance(value, JsonRecord):
        return value.as_json()
    arguments = [each for each in typing.get_args(kind) if each is not type(None)]
    if typing.get_origin(kind) in (Union, types.UnionType) and len(arguments) == 1:
        return _encode(value, arguments[0])
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        each = arguments[0] if arguments else Any
        return [_encode(element, each) for element in value]
    if isinstance(value, Mapping):
        return {name: _encode(element, arguments[-1] if arguments else Any) for name, element in value.items()}
    return value


def _decode(value: Any, kind: Any, place: Place) -> Any:
    """The value as a field of this kind holds it. Raises FieldError."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin is typing.Annotated:
        return _decode_annotated(value, arguments[0], kind.__metadata__[0], place)
    if origin in (Union, types.UnionType):
        return _decode_one_of(value, arguments, place)
    if isinstance(kind, type) and issubclass(kind, JsonRecord):
        return kind.from_json(value, place=place)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _decode_enum(value, kind, place)
    if origin is tuple:
        return _decode_tuple(value, arguments, place)
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise _of_another_kind(place, "an object", value)
        return {
            name if arguments[0] is str else _decode(name, arguments[0], f"a name in {place}"): _decode(
                element, arguments[1], _within(place, str(name))
            )
            for name, element in value.items()
        }
    return _decode_plain(value, kind, place)


def _decode_plain(value: Any, kind: Any, place: Place) -> Any:
    allowed, wanted = _PLAIN[kind]
    is_of_kind = isinstance(value, allowed) and (bool in allowed or not isinstance(value, bool))
    if not is_of_kind or (isinstance(value, float) and not math.isfinite(value)):
        raise _of_another_kind(place, wanted, value)
    try:
        return float(value) if kind is float else value
    except OverflowError as error:
        raise _of_another_kind(place, wanted, value) from error


def _decode_annotated(value: Any, kind: Any, extra: Any, place: Place) -> Any:
    if isinstance(extra, Codec):
        try:
            return extra.decode(value)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise FieldError(f"{place} is none that a run writes ({error!r})") from error
    if extra == EMPTY_IS_NONE:
        return _decode(value, kind, place) or None
    return float(value) if isinstance(value, str) and value in _NON_FINITE else _decode(value, kind, place)


def _decode_one_of(value: Any, kinds: tuple[Any, ...], place: Place) -> Any:
    if value is None and type(None) in kinds:
        return None
    wanted = [kind for kind in kinds if kind is not type(None)]
    if len(wanted) == 1 and wanted[0] not in _PLAIN:
        return _decode(value, wanted[0], place)
    if all(isinstance(kind, type) and issubclass(kind, JsonRecord) for kind in wanted):
        return _knowing(value, wanted).from_json(value, place=place)
    for kind in wanted:
        if isinstance(value, _alike(kind)[0]) and (bool in kinds or not isinstance(value, bool)):
            return _decode(value, kind, place)
    *names, last = [_alike(kind)[1] for kind in kinds]
    raise _of_another_kind(place, f"{', '.join(names)} or {last}", value)


def _knowing(value: Any, kinds: Sequence[type[JsonRecord]]) -> type[JsonRecord]:
    """The first of these records that knows all names of an object, else the last one."""
    names = set(value) if isinstance(value, Mapping) else set()
    return next((kind for kind in kinds if names <= kind._names()), kinds[-1])


def _alike(kind: Any) -> tuple[tuple[type, ...], str]:
    """The classes of values of a kind without parts that matter, and how a message calls them."""
    return _PLAIN.get(kind, ((Mapping,), "an object"))


def _decode_enum(value: Any, kind: type[Enum], place: Place) -> Enum:
    names = [each.value for each in kind]
    if not isinstance(value, str) or value not in names:
        raise _of_another_kind(place, f"one of {', '.join(map(str, names))}", value)
    return kind(value)


def _decode_tuple(value: Any, kinds: tuple[Any, ...], place: Place) -> tuple[Any, ...]:
    is_open = len(kinds) == 2 and kinds[1] is Ellipsis
    if not isinstance(value, list | tuple):
        raise _of_another_kind(place, "a list of strings" if kinds[0] is str else "a list", value)
    if not is_open and len(value) != len(kinds):
        raise _of_another_kind(place, f"a list of {len(kinds)}", value)
    each = [kinds[0]] * len(value) if is_open else kinds
    return tuple(
        _decode(element, kind, f"{place}[{number}]")
        for number, (element, kind) in enumerate(zip(value, each, strict=True))
    )


def read_number(name: str, value: Any) -> float:
    """The number. Raises FieldError, naming it, if it is none."""
    number: float = _decode(value, float, name)
    return number
