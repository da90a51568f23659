"""Implementations of an interface: one file each in a folder, found there by the name of the file.

So a new one is one new file, and no list names it. Names are known without importing what a file needs.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Any

from tuning.errors import InputError


def names_in(package: str) -> tuple[str, ...]:
    """The names of the implementations in a package, in alphabetical order. Imports none of them."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(import_module(package).__path__)))


def load_from(package: str, name: str, attribute: str, *, what: str) -> Any:
    """What the file of that name declares as `attribute`.

    `what`: how the error calls the interface. Raises InputError for an unknown name.
    """
    names = names_in(package)
    if name not in names:
        raise InputError(f"unknown {what} {name}: choose one of {', '.join(names)}")
    return getattr(import_module(f"{package}.{name}"), attribute)
