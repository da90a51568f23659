"""Which cases of a test with many the middle size runs: always the same ones, spread over all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

FEWEST = 3
ONE_IN = 3


def sample(names: Sequence[str]) -> set[str]:
    """One in `ONE_IN` of the cases, `FEWEST` at least, chosen by their names: one case more changes one of them at
    most."""
    by_chance = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())
    return set(by_chance[: max(FEWEST, -(-len(by_chance) // ONE_IN))])
