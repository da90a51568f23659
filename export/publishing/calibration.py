"""Which training examples integer arithmetic gets its ranges from: as many of each class, the same every time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CALIBRATION_EXAMPLES = 300
_SEED = 0


def choose_calibration(
    labels: NDArray[np.integer] | None, count: int, *, examples: int = CALIBRATION_EXAMPLES
) -> NDArray[np.int64]:
    """Numbers of about `examples` of `count` training examples, ascending int64; all of them if there are fewer.

    `labels`: whole numbers (count,), of which each class gets the same share, and at least one example; None to draw
    from all alike.
    """
    random = np.random.default_rng(_SEED)
    if labels is None:
        return np.sort(random.permutation(count)[:examples])
    classes = np.unique(labels)
    each = max(1, round(examples / len(classes)))
    chosen = [random.permutation(np.flatnonzero(labels == label))[:each] for label in classes]
    return np.sort(np.concatenate(chosen))
