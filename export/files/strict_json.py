"""JSON that anybody may have written → records, or one sentence about what is wrong in it.

Standard library only: files are checked where nothing else is installed.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from export.files.regular_file import read_regular
from tuning.files import bounded_files

LARGEST_BYTES = 16 << 20
_LARGEST_INTEGER = 2**63

_Kind = TypeVar("_Kind")


def read_json(path: Path) -> Any:
    """What a regular file of at most `LARGEST_BYTES` holds as JSON. Raises ValueError for anything else, OSError if it
    can't be read."""
    return parse_json(read_regular(path, LARGEST_BYTES))


def parse_json(content: bytes) -> Any:
    """What JSON in UTF-8 says. Raises ValueError for anything else, and for what no honest one holds."""
    return bounded_files.parse_json(content, unique_names=True)


def pop_version(data: Any, *, newest: int, where: str) -> dict[str, Any]:
    """The other entries of an object that says of which version it is; one that does not is of the first.

    Raises ValueError if it is no object, or of a version that is newer than `newest`.
    """
    if not isinstance(data, Mapping):
        raise ValueError(f"{where} must be an object, got {_shown(data)}")
    version = data.get("version", 1)
    if type(version) is not int or not 1 <= version <= newest:
        raise ValueError(f"{where}.version must be 1 to {newest} in this release, got {_shown(version)}")
    return {name: value for name, value in data.items() if name != "version"}


def build(kind: type[_Kind], data: Any, *, where: str, **made: Any) -> _Kind:
    """A record of a dataclass from its fields' values by name; `made`: fields that are not among the data.

    Every value must be of its field's type: mappings, tuples, enumerations and dataclasses likewise; a float may be
    written as a whole number. `where` names the data in a sentence. Raises ValueError otherwise.
    """
    if not isinstance(data, Mapping):
        raise ValueError(f"{where} must be an object, got {_shown(data)}")
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(typing.cast("Any", kind)) if field.name not in made}
    unknown = sorted(set(data) - set(fields))
    if unknown:
        raise ValueError(f"{where} holds {unknown[0]!r}, which is not known")
    found = dict(made)
    for name, field in fields.items():
        if name in data:
            found[name] = _convert(hints[name], data[name], f"{where}.{name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ValueError(f"{where} lacks {name}")
    return kind(**found)


def _convert(kind: Any, data: Any, where: str) -> Any:
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return data
    if origin in (types.UnionType, typing.Union):
        return None if data is None else _convert(next(one for one in inside if one is not types.NoneType), data, where)
    if origin is tuple and isinstance(data, list):
        return tuple(_convert(inside[0], one, f"{where}[{at}]") for at, one in enumerate(data))
    if origin is Mapping and isinstance(data, Mapping):
        return {
            _convert(inside[0], name, f"a name in {where}"): _convert(inside[1], one, f"{where}[{name!r}]")
            for name, one in data.items()
        }
    if dataclasses.is_dataclass(kind):
        return build(typing.cast("type", kind), data, where=where)
    if isinstance(kind, type) and issubclass(kind, Enum):
        known = [one.value for one in kind]
        if data not in known:
            raise ValueError(f"{where} must be one of {', '.join(map(str, known))}, got {_shown(data)}")
        return kind(data)
    return _plain(kind, data, where)


def _plain(kind: Any, data: Any, where: str) -> Any:
    if kind is float and (_is_whole(data) or (type(data) is float and math.isfinite(data))):
        return float(data)
    if type(data) is kind and (kind is not int or _is_whole(data)):
        if kind is str and any("\ud800" <= character <= "\udfff" for character in data):
            raise ValueError(f"{where} is not text")
        return data
    raise ValueError(f"{where} must be {_named(kind)}, got {_shown(data)}")


def _is_whole(data: Any) -> bool:
    return type(data) is int and abs(data) < _LARGEST_INTEGER


def _named(kind: Any) -> str:
    plain = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
    return plain.get(kind, "a list" if typing.get_origin(kind) is tuple else "an object")


def _shown(data: Any) -> str:
    text = repr(data)
    return text if len(text) <= 60 else f"{text[:60]}…"
