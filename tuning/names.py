"""A name that somebody wrote, among those that there are."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from tuning.errors import InputError


def require_known(name: str, known: Collection[str], *, what: str = "hyperparameter") -> None:
    """Raise InputError unless `name` is known; the message suggests the nearest name. `what` says what it names."""
    if name in known:
        return
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
    raise InputError(f"unknown {what} {name}: {hint}")
