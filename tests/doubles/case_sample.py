"""Which cases of a test with many are run where not all are: always the same ones, spread over all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def sample(names: Sequence[str], one_in: int) -> set[str]:
    """One in so many of the cases, one at least, chosen by their names: one case more changes one of them at most."""
    by_chance = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())
    return set(by_chance[: -(-len(by_chance) // one_in)])
