"""The names that people give to arrays of examples → `x_train`, `y_train`, `x_test` and so on."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tuning.errors import InputError

EXACT = re.compile(r"[xy]_(train|test|validation)(_.+)?|class_names")

_PART = r"(?P<part>train|training|test|testing|val|valid|validation)"
_ROLE = r"(?P<role>x|images?|data|features|inputs?|y|labels?|targets?)"
_FORMS = (
    re.compile(rf"{_ROLE}[ _.-]?{_PART}", re.IGNORECASE),
    re.compile(rf"{_PART}[ _.-]?{_ROLE}", re.IGNORECASE),
    re.compile(rf"(?P<role>[xy])[ _.-]{_PART}(?P<input>_.+)", re.IGNORECASE),
    re.compile(_ROLE, re.IGNORECASE),
)
_PARTS = {"tra": "train", "tes": "test", "val": "validation"}


def find_arrays(names: Sequence[str], *, source: str) -> dict[str, str]:
    """Canonical name → the name that `names` has for it, for all that is understood.

    An array without a part in its name is to train on, unless others have one. Raises InputError if two arrays may be
    meant by one name, and where training or test examples are incomplete; `source` is how messages call the file.
    """
    meant: dict[str, list[str]] = {}
    for name in names:
        meant.setdefault(_canonical(name), []).append(name)
    for role, target in (("x", "x_train"), ("y", "y_train")):
        if role in meant and not any(name == target or name.startswith(f"{target}_") for name in meant):
            meant[target] = meant[role]
    found = {target: _only(target, meant[target], source) for target in meant if EXACT.fullmatch(target)}
    _check_complete(found, names, source)
    return found


def _canonical(name: str) -> str:
    """The exact name that is meant; `x` or `y` without a part; empty for any other name."""
    if EXACT.fullmatch(name):
        return name
    for form in _FORMS:
        if match := form.fullmatch(name):
            given = match.groupdict()
            role = "y" if given["role"].lower()[0] in "ylt" else "x"
            part = given.get("part")
            return role if part is None else f"{role}_{_PARTS[part.lower()[:3]]}{given.get('input') or ''}"
    return ""


def _only(target: str, names: Sequence[str], source: str) -> str:
    if target in names:
        return target
    if len(names) > 1:
        raise InputError(f"{source} holds {' and '.join(names)}, which may both mean {target}: keep one of them")
    return names[0]


def _check_complete(found: dict[str, str], names: Sequence[str], source: str) -> None:
    present = {key: any(name.startswith(key) for name in found) for key in ("x_train", "y_train", "x_test", "y_test")}
    missing = [key for key in ("x_train", "y_train") if not present[key]]
    if missing:
        raise InputError(
            f"{source} lacks {' and '.join(missing)}: it must hold x_train and y_train, and x_test and y_test unless a "
            f"sixth of the examples is to be set apart for the test, found {', '.join(names) or 'nothing'}"
        )
    if present["x_test"] != present["y_test"]:
        lacking, given = ("y_test", "x_test") if present["x_test"] else ("x_test", "y_test")
        raise InputError(
            f"{source} lacks {lacking}: add it to {given}, or leave both out to have a sixth of the training examples "
            f"set apart for the test, found {', '.join(names)}"
        )
