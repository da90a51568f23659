"""How the images that a model was verified on are laid out: dark border? how large is the ink?

Needs numpy only, so that `verify.py` can measure it again.
"""

from __future__ import annotations

import numpy as np

from export.artifact import Look

INK = 0.25
"""Of the brightest: what is ink and what is paper."""
DARK_BORDER = 64
MEASURED = 1000


def measure_look(images: np.ndarray) -> Look:
    """How the images, uint8 (examples, height, width, channels), are laid out: dark border? how much of it empty?"""
    if images.shape[-1] != 1 or border_level(images[..., 0].mean(axis=0)) >= DARK_BORDER:
        return Look(dark_background=False, content_side=None)
    sides = [max(ink_box(image)[2:]) for image in images[:MEASURED, ..., 0].astype(np.float64) if image.any()]
    return Look(dark_background=True, content_side=int(np.median(sides)) if sides else None)


def border_level(grey: np.ndarray) -> float:
    """Median of the outermost pixels."""
    return float(np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])))


def ink_box(ink: np.ndarray) -> tuple[int, int, int, int]:
    """(top, left, height, width) of what is brighter than a quarter of the brightest."""
    rows, columns = np.nonzero(ink > INK * ink.max())
    top, left = int(rows.min()), int(columns.min())
    return top, left, int(rows.max()) - top + 1, int(columns.max()) - left + 1
