"""Which values of a layer's answer are kept: some spread evenly over it, and the largest of every channel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SPREAD = 256
"""Positions spread over a layer; a layer with no more values is kept whole."""
MOST_CHANNELS = 8192
"""Of a layer with more channels, as many are spread over them."""
_GOLDEN = (5**0.5 - 1) / 2


def choose_positions(answers: NDArray[np.float32]) -> NDArray[np.int32]:
    """Indices into one flattened answer, sorted, int32, for answers of (examples, …, channels).

    Only where every example has a finite value; none if there is no such place. Every channel that is not silent in all
    examples is among them with its largest absolute value, so that what is wrong with a channel shows. The same answers
    give the same positions.
    """
    rows = answers.reshape(len(answers), -1)
    finite: NDArray[np.bool_] = np.asarray(np.isfinite(rows).all(axis=0))
    spread = spread_evenly(rows.shape[1], SPREAD)
    largest = np.where(finite, np.abs(rows).max(axis=0, initial=0, where=finite), -1)
    channels = answers.shape[-1] if answers.ndim > 1 else 1
    by_channel = largest.reshape(-1, channels)
    chosen = spread_evenly(channels, MOST_CHANNELS)
    peaks = by_channel[:, chosen].argmax(axis=0) * channels + chosen
    positions: NDArray[np.int64] = np.union1d(spread, peaks)
    return positions[finite[positions]].astype(np.int32)


def spread_evenly(size: int, count: int) -> NDArray[np.int64]:
    """At most `count` of 0 … size − 1, sorted, without a step that repeats: such a step could meet one channel only.

    The fractional parts of i × golden ratio leave the smallest gaps (Weyl's sequence).
    """
    if size <= count:
        return np.arange(size)
    return np.unique(np.floor(np.arange(1, count + 1) * _GOLDEN % 1 * size).astype(np.int64))
