"""A user's own package that is called as one of this project's: Python finds only one of them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from tuning.errors import InputError

_PROJECT = Path(__file__).resolve().parent.parent.parent
ROOMS = ("tuning", "export", "scripts")


def require_no_clash(files: Iterable[Path], *, beside: Path) -> None:
    """Raise InputError if one of the user's files imports a package of theirs that has the name of one of ours.

    `beside`: the folder that they are imported from.
    """
    own = {name: place for name in ROOMS if (place := _of_the_user(name, beside)) is not None}
    for path in files if own else ():
        for name, line in _list_imports(path):
            if name in own:
                raise InputError(
                    f"{path.name} line {line} imports {name}, and {own[name]} has the name of a package of this "
                    f"project, which is imported in its place: rename it, for example to my_{name}"
                )


def require_no_clash_of(module: str, *, beside: Path) -> None:
    """Raise InputError if the module itself lies in a package of the user's that has the name of one of ours."""
    name = module.partition(".")[0]
    place = _of_the_user(name, beside) if name in ROOMS else None
    if place is not None:
        raise InputError(
            f"{module} lies in {place}, which has the name of a package of this project: rename it, for example to "
            f"my_{name}"
        )


def _of_the_user(name: str, folder: Path) -> Path | None:
    if folder.resolve() == _PROJECT:
        return None
    places = (folder / name, folder / f"{name}.py")
    return next((place for place in places if place.is_file() or any(place.glob("**/*.py"))), None)


def _list_imports(path: Path) -> Iterator[tuple[str, int]]:
    """First names of the packages that a file imports, anywhere in it, and the lines. Nothing of one with an error."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            yield node.module.partition(".")[0], node.lineno
