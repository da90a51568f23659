"""Options of the command line that are fields of a frozen dataclass, which has their defaults and checks them."""

from __future__ import annotations

import argparse
import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILES = {"space": "space", "first": "first", "earlier": "from"}
"""Field → option whose file or folder is read at once: a run keeps what it holds, and `--config` may hold it itself."""

_HELP = "option"


@dataclass(frozen=True)
class _Help:
    text: str
    metavar: str
    otherwise: str
    is_extensible: bool
    one_of: str

    def flag(self, field: str) -> str:
        """The option's name on the command line, with its dashes."""
        return f"--{FILES.get(field, field).replace('_', '-')}"


@dataclass(frozen=True, kw_only=True)
class Option:
    """What a parser knows of an option: `name` without dashes before it, and how often and with what it is given."""

    name: str
    is_flag: bool
    is_repeatable: bool


class OptionParser(argparse.ArgumentParser):
    """A parser that knows its `options` by name, and of which of them one at most can be given."""

    def __init__(self, **how: Any) -> None:
        self.options: dict[str, Option] = {}
        self.alternatives: list[frozenset[str]] = []
        super().__init__(**how)

    def add_argument(self, *names: str, **how: Any) -> argparse.Action:
        self._know(names[-1], how)
        return super().add_argument(*names, **how)

    def add_alternatives(self, options: Mapping[str, Mapping[str, Any]], *, required: bool = False) -> None:
        """Options, `--name` → what `add_argument` takes, of which one at most can be given."""
        group = self.add_mutually_exclusive_group(required=required)
        for name, how in options.items():
            group.add_argument(name, **how)
            self._know(name, how)
        self.alternatives.append(frozenset(name.removeprefix("--") for name in options))

    def add_options(self, holder: type) -> None:
        """All options that are fields of this class."""
        for declared in _groups(holder):
            if len(declared) > 1:
                self.add_alternatives(declared)
            else:
                for name, how in declared.items():
                    self.add_argument(name, **how)

    def _know(self, name: str, how: Mapping[str, Any]) -> None:
        if name.startswith("--"):
            self.options[name.removeprefix("--")] = Option(
                name=name.removeprefix("--"),
                is_flag=how.get("action") in ("store_true", "help"),
                is_repeatable=how.get("action") == "append",
            )


def option(
    text: str,
    *,
    metavar: str = "N",
    default: Any = None,
    otherwise: str = "",
    is_extensible: bool = False,
    one_of: str = "",
) -> Any:
    """A field that is an option of its name, of the kind that its annotation says: a number, text, a path, true for
    a flag, or a tuple of strings for an option that may be repeated. Of any other kind it is text until it is read.

    `otherwise`: what is done without it, where `default` does not say so. `is_extensible`: a resumed run may change it.
    `one_of`: a name for options of which one at most can be given.
    """
    metadata = {_HELP: _Help(text, metavar, otherwise, is_extensible, one_of)}
    if isinstance(default, type):
        return dataclasses.field(default_factory=default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def _groups(holder: type) -> list[dict[str, dict[str, Any]]]:
    """`--name` → what `add_argument` takes, for each option of the class, those that exclude each other in one group.
    What is not given is None."""
    kinds = typing.get_type_hints(holder)
    groups: dict[str, dict[str, dict[str, Any]]] = {}
    for field in dataclasses.fields(holder):
        stated = field.metadata[_HELP]
        group = groups.setdefault(stated.one_of or field.name, {})
        group[stated.flag(field.name)] = _arguments(field, kinds[field.name])
    return list(groups.values())


def extensible_options(holder: type) -> frozenset[str]:
    """The names of fields that a resumed run may change."""
    return frozenset(field.name for field in dataclasses.fields(holder) if field.metadata[_HELP].is_extensible)


def _arguments(field: dataclasses.Field[Any], annotation: Any) -> dict[str, Any]:
    stated: _Help = field.metadata[_HELP]
    kinds = set(typing.get_args(annotation)) if isinstance(annotation, types.UnionType) else {annotation}
    (kind,) = kinds - {type(None)}
    if kind is bool:
        return {"action": "store_true", "default": None, "help": stated.text}
    usual = str(field.default) if isinstance(field.default, (int, str)) else stated.otherwise
    found = {
        "dest": field.name,
        "metavar": stated.metavar,
        "help": f"{stated.text} (default: {usual})" if usual else stated.text,
    }
    if kind in (int, float, Path):
        return {"type": kind, **found}
    return {"action": "append", **found} if typing.get_origin(kind) is tuple else found
