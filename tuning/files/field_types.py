"""Whether what was read from a file has the kinds of values that records say they have."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping
from typing import Any, TypeVar

_Record = TypeVar("_Record")

_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "str": ((str,), "a text"),
    "int": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "bool": ((bool,), "true or false"),
    "Mapping": ((Mapping,), "an object"),
    "Configuration": ((Mapping,), "an object"),
    "tuple": ((list, tuple), "a list"),
    "list": ((list, tuple), "a list"),
    "texts": ((list,), "a list of texts"),
    "None": ((type(None),), "null"),
}
_VALUES = (bool, int, float, str)
"""What a hyperparameter can hold."""


def with_checked_fields(record: _Record) -> _Record:
    """The dataclass instance itself. Raises TypeError, naming the field, for a value of another kind than declared.

    Kinds that are no JSON are not looked at: what makes those values checks them.
    """
    for field in dataclasses.fields(record):  # type: ignore[arg-type]
        require_kind(field.name, getattr(record, field.name), str(field.type))
        if field.type == "Configuration":
            require_configuration(field.name, getattr(record, field.name))
    return record


def require_kind(name: str, value: Any, kind: str) -> None:
    """Raise TypeError unless the value is of this kind, written as an annotation is: `int | None`."""
    allowed, wanted = _allowed(kind)
    is_stray_bool = isinstance(value, bool) and bool not in allowed
    is_mixed = "texts" in kind and isinstance(value, list) and not all(isinstance(each, str) for each in value)
    if allowed and (is_stray_bool or is_mixed or not isinstance(value, allowed)):
        raise TypeError(f"{name} must be {wanted}, got {str(value)[:80]}")


@functools.cache
def _allowed(kind: str) -> tuple[tuple[type, ...], str]:
    """The classes of values of this kind, and how a message calls them; none for a kind that is no JSON."""
    names = [part.strip() for part in re.sub(r"\[.*\]", "", kind).split("|")]
    if not set(names) <= set(_KINDS):
        return (), ""
    known = [_KINDS[name] for name in names]
    return tuple(each for types, _ in known for each in types), " or ".join(what for _, what in known)


def require_configuration(name: str, values: Mapping[str, Any]) -> None:
    """Raise TypeError unless all values are ones that hyperparameters can hold."""
    for key, value in values.items():
        if not isinstance(value, _VALUES):
            raise TypeError(f"{name} must hold numbers, texts and booleans, got {key} = {str(value)[:80]}")
