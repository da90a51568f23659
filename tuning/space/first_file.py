"""Configurations that a user wants tried first, as a file holds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuning.errors import InputError
from tuning.settings import Configuration

_KEY = "configuration"


def configurations_from(data: Mapping[str, Any]) -> tuple[Configuration, ...]:
    """The `[[configuration]]` tables of a file, each with the values of some hyperparameters or all.

    Raises InputError for anything else; whether a model builder asks for these is for others to say.
    """
    if not data:
        return ()
    tables = data.get(_KEY)
    if data.keys() != {_KEY} or not isinstance(tables, list):
        raise InputError(f"what is to be tried first must be [[{_KEY}]] tables alone, got {', '.join(map(str, data))}")
    for number, table in enumerate(tables, start=1):
        if not isinstance(table, Mapping):
            raise InputError(f"{_KEY} {number} to try first must be a table of values, got {table}")
        for name, value in table.items():
            if not isinstance(value, bool | int | float | str):
                raise InputError(f"{name} in {_KEY} {number} to try first must be one value, got {value}")
    return tuple(tables)
