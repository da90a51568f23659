"""Synthetic inputs, on which a wrong file shows what ordinary examples hide. Needs numpy only.

Images: black, white, single pixels, checkerboards, noise; and mixtures of two examples of different labels, driven to
the place where the model's answer turns from the one to the other, on both sides of it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from export.arrays import Arrays

Images = NDArray[np.uint8]

SINGLE_PIXELS = 16
NOISE = 24
PAIRS = 48
SQUARES = (1, 2, 4)
_STEPS = 8
"""Halvings of the mixture: after them two neighbours differ by one of 256 parts."""


def stress_images(images: Images, ask: Callable[[Images], NDArray[np.float32]]) -> Images:
    """Up to 144 images in the size of `images`, uint8 (examples, height, width, channels); the same every time.

    `ask`: images → probabilities, (examples, classes), of the model whose boundary is looked for.
    """
    return np.concatenate([_patterns(images.shape[1:]), _boundary(images, ask)])


def stress_arrays(inputs: Arrays) -> dict[str, np.ndarray]:
    """48 examples for inputs of any kind, by name: within the range of the examples where they are whole numbers, which
    may be places in a table, else also some way outside of it."""
    random = np.random.default_rng(0)
    found = {}
    for name, array in inputs.items():
        low, high = array.min(axis=0), array.max(axis=0)
        if array.dtype == bool:
            found[name] = random.random((NOISE + PAIRS // 2, *array.shape[1:])) < 0.5
            continue
        share = random.random((NOISE, *array.shape[1:]))
        inside = low + share * (high.astype(np.float64) - low)
        if np.issubdtype(array.dtype, np.integer):
            edges = np.stack([low, high] * (PAIRS // 4))
            # Beyond 2**53 rounding may lead out of the range.
            found[name] = np.concatenate([edges, np.clip(np.rint(inside).astype(array.dtype), low, high)])
            continue
        middle, half = low / 2 + high / 2, (high.astype(np.float64) - low) / 2
        outside = np.stack([middle + factor * half for factor in np.linspace(-2, 2, PAIRS // 2)])
        limit = np.finfo(array.dtype).max
        found[name] = np.clip(np.concatenate([outside, inside]), -limit, limit).astype(array.dtype)
    return found


def _patterns(shape: tuple[int, ...]) -> Images:
    random = np.random.default_rng(0)
    height, width, _ = shape
    found = [np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8)]
    for place in random.permutation(height * width)[:SINGLE_PIXELS]:
        image = np.zeros(shape, np.uint8)
        image[place // width, place % width] = 255
        found.append(image)
    rows, columns = np.indices((height, width))
    for square in SQUARES:
        board = ((rows // square + columns // square) % 2 * 255).astype(np.uint8)
        found += [np.broadcast_to(side[..., None], shape) for side in (board, 255 - board)]
    found += list(random.integers(0, 256, (NOISE // 2, *shape), dtype=np.uint8))
    found += list(random.integers(0, 2, (NOISE // 2, *shape), dtype=np.uint8) * np.uint8(255))
    return np.stack(found)


def _boundary(images: Images, ask: Callable[[Images], NDArray[np.float32]]) -> Images:
    """Mixtures on both sides of the place where the label turns, two of each pair; none if all labels are equal."""
    random = np.random.default_rng(1)
    chosen = images[np.sort(random.permutation(len(images))[: 8 * PAIRS])]
    labels = ask(chosen).argmax(axis=1)
    starts: list[int] = []
    ends: list[int] = []
    for at in random.permutation(len(chosen)):
        others = np.flatnonzero(labels != labels[at])
        if len(others) and len(starts) < PAIRS:
            starts.append(at)
            ends.append(random.choice(others))
    if not starts:
        return images[:0]
    first, last = chosen[starts].astype(np.float64), chosen[ends].astype(np.float64)
    low, high = np.zeros(len(starts)), np.ones(len(starts))
    for _ in range(_STEPS):
        middle = (low + high) / 2
        turned = ask(_mix(first, last, middle)).argmax(axis=1) != labels[starts]
        low, high = np.where(turned, low, middle), np.where(turned, middle, high)
    return np.concatenate([_mix(first, last, low), _mix(first, last, high)])


def _mix(first: NDArray[np.float64], last: NDArray[np.float64], share: NDArray[np.float64]) -> Images:
    share = share.reshape(-1, 1, 1, 1)
    return np.rint(first * (1 - share) + last * share).astype(np.uint8)
