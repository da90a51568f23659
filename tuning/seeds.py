"""One seed from the caller, many independent ones for its uses."""

from __future__ import annotations

import zlib

import numpy as np


def derive_seed(seed: int, *path: str | int) -> int:
    """A seed of 1 to 2³¹ − 1 for the use that `path` names; the same arguments always give the same one.

    Never 0, which Keras Tuner takes for "choose one at random". Neighbouring seeds share nothing, which its
    own `seed + 1` steps do not grant. `seed`: 0 or more.
    """
    words = [part if isinstance(part, int) else zlib.crc32(part.encode()) for part in path]
    state = int(np.random.SeedSequence([seed, *words]).generate_state(1)[0])
    return state % (2**31 - 1) + 1
