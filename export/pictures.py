"""A picture file of any size → the uint8 tensor that a model was trained to see."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from export.artifact import Look
from export.errors import InputError
from export.files.picture_file import open_picture
from export.folder.look import INK, border_level, ink_box

DARK = 64
SIZE_SLACK = 0.25
WORKING_SIDE, GROUND_SIDE, WIDEST_STROKE = 256, 64, 33
"""Pixels: the longer side at which ink is looked for, the one at which the paper is, and a stroke's width there."""
GRAIN_SPREADS = 4.0


@dataclass(frozen=True, kw_only=True, eq=False)
class InputPicture:
    """One image as uint8 (1, height, width, channels), and what was done to it, for its owner to know."""

    pixels: np.ndarray
    notes: tuple[str, ...]


def read_picture(path: Path, *, shape: tuple[int, int, int], look: Look) -> InputPicture:
    """Read a picture (PNG, JPEG, …) as an image of `shape` (height, width, channels).

    A picture of that size whose ink is about as large as in the training images keeps its pixels. Otherwise, where
    the model was trained on bright ink before a dark border, the ink is cut out, scaled and centred by its mass as in
    the training images (as MNIST was made: LeCun et al., 1998); other pictures are scaled to fit. Dark ink on light
    paper is inverted. Raises InputError if the file is not a picture or shows nothing.
    """
    height, width, channels = shape
    opened = open_picture(path)
    same_size = opened.size == (width, height)
    if channels == 3:
        return _in_colour(opened, (width, height))
    # As bytes, as long as it may be large.
    grey = np.asarray(opened.convert("L"))
    notes = []
    if look.dark_background and border_level(grey) > 127:
        grey = 255 - grey
        notes.append("dark on light: inverted")
    if look.content_side is not None and not (same_size and _has_size(grey, look.content_side)):
        ink = _ink(grey, path)
        grey = _centre(ink, (height, width), look.content_side)
        notes.append("cut to its ink, scaled and centred")
        if _has_gap(ink):
            notes.append("shows several shapes side by side: one is expected")
    elif not same_size:
        fitted, note = _fit(Image.fromarray(grey), (width, height))
        grey = np.asarray(fitted, dtype=np.float64)
        notes.append(note)
    return InputPicture(pixels=np.rint(grey).astype(np.uint8)[np.newaxis, ..., np.newaxis], notes=tuple(notes))


def _in_colour(opened: Image.Image, size: tuple[int, int]) -> InputPicture:
    """The picture for a model that knows colours: scaled to `size` (width, height), what is too long cropped."""
    notes = ["grey, though the model knows colours"] if opened.mode == "L" else []
    if opened.size != size:
        opened, note = _fit(opened, size)
        notes.append(note)
    return InputPicture(pixels=np.asarray(opened.convert("RGB"), dtype=np.uint8)[np.newaxis], notes=tuple(notes))


def _fit(opened: Image.Image, size: tuple[int, int]) -> tuple[Image.Image, str]:
    """The picture scaled to cover `size` (width, height), what exceeds it cut off, and a note of that.

    A search over a folder of pictures treats them in the same way.
    """
    cropped = opened.width * size[1] != opened.height * size[0]
    note = f"scaled from {opened.width}×{opened.height}{', its longer side cropped' if cropped else ''}"
    return ImageOps.fit(opened, size, Image.Resampling.LANCZOS), note


def _ink(grey: np.ndarray, path: Path) -> np.ndarray:
    """The strokes of a bright-on-dark uint8 picture, 0 to 255, without the paper, its uneven light, and the grain.

    The paper is what a morphological opening leaves (Serra, 1982), since strokes are narrower than its window; grain
    is what lies within four spreads (median absolute deviations, scaled to standard ones) above the median.
    """
    picture = Image.fromarray(grey)
    picture.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.BOX)
    ground = picture.copy()
    ground.thumbnail((GROUND_SIDE, GROUND_SIDE), Image.Resampling.BOX)
    for extreme in (ImageFilter.MinFilter(3), ImageFilter.MaxFilter(3)):
        for _ in range(WIDEST_STROKE // 2):
            ground = ground.filter(extreme)
    paper = np.asarray(ground.resize(picture.size, Image.Resampling.BILINEAR), dtype=np.float64)
    ink = np.asarray(picture, dtype=np.float64) - paper
    grain = 1.4826 * float(np.median(np.abs(ink - np.median(ink))))
    ink = np.maximum(ink - np.median(ink) - GRAIN_SPREADS * grain, 0.0)
    if ink.max() < DARK:
        raise InputError(f"{path} shows nothing distinct from its background: give a picture with more contrast")
    ink *= 255 / ink.max()
    return ink


def _has_gap(ink: np.ndarray) -> bool:
    """Whether a column without ink parts it."""
    _, left, _, width = ink_box(ink)
    return bool((ink[:, left : left + width].max(axis=0) <= INK * ink.max()).any())


def _centre(ink: np.ndarray, size: tuple[int, int], content_side: int) -> np.ndarray:
    """The ink with its longer side `content_side` pixels and its centre of mass in the middle."""
    top, left, height, width = ink_box(ink)
    scale = min(content_side / max(height, width), size[0] / height, size[1] / width)
    inner = min(max(round(width * scale), 1), size[1]), min(max(round(height * scale), 1), size[0])
    cut = Image.fromarray(np.rint(ink[top : top + height, left : left + width]).astype(np.uint8))
    small = np.asarray(cut.resize(inner, Image.Resampling.LANCZOS), dtype=np.float64)
    small *= 255 / max(small.max(), 1.0)
    canvas = np.zeros(size)
    place = [
        int(np.clip(round((side - 1) / 2 - centre), 0, side - length))
        for side, centre, length in zip(size, _centre_of_mass(small), small.shape, strict=True)
    ]
    canvas[place[0] : place[0] + small.shape[0], place[1] : place[1] + small.shape[1]] = small
    return canvas


def _has_size(grey: np.ndarray, content_side: int) -> bool:
    return grey.max() > 0 and abs(max(ink_box(grey)[2:]) / content_side - 1) <= SIZE_SLACK


def _centre_of_mass(ink: np.ndarray) -> tuple[float, float]:
    total = ink.sum()
    rows, columns = np.indices(ink.shape)
    return float((rows * ink).sum() / total), float((columns * ink).sum() / total)
