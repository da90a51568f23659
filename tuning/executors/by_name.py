"""Executors by their names."""

from __future__ import annotations

from pathlib import Path

from tuning.executors.interface import Executor, Workplace
from tuning.found import load_from, names_in

_PACKAGE = "tuning.executors.places"


def executor_names() -> tuple[str, ...]:
    """The names that `Resources.place` takes."""
    return names_in(_PACKAGE)


def executor_class(name: str) -> type[Executor]:
    """What the executor's file declares. Raises InputError for an unknown name."""
    found: type[Executor] = load_from(_PACKAGE, name, "EXECUTOR", what="executor")
    return found


def make_executor(name: str, workplace: Workplace, *, workers: int | None, folder: Path) -> Executor:
    """The executor of that name. `folder`, which must exist, keeps what it needs. Raises as its `of` does."""
    return executor_class(name).of(workplace, workers=workers, folder=folder)
