"""Write the data sets that searches are judged on, as npz files: MNIST, and what can be made of it.

A search that is good on MNIST alone may be good by chance, and a machine without a network has no other pictures. Each
variant asks for something else: `rotated` for invariance, `backgrounds` for robustness (both after Larochelle et al.,
ICML 2007), `scenes` for colour and for finding the digit among clutter (after Mnih et al., NeurIPS 2014), `few` for
learning from 1,000 images.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SCRIPTS = Path(__file__).resolve().parents[2]
sys.path[0] = str(SCRIPTS.parent)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

Images = NDArray[np.uint8]
Arrays = Mapping[str, NDArray[np.generic]]

FEW = 1_000
SCENES = {"train": 12_000, "test": 5_000}
SCENE_SIDE = 64
PIECES = 12
PIECE_SIDE = 12
LARGEST_BACKGROUND = 160
"""Pixel value; a digit's ink reaches 255, so that it still shows."""


def keep(images: Images, rng: np.random.Generator) -> Images:
    """The images as they are."""
    return images


def rotate(images: Images, rng: np.random.Generator) -> Images:
    """Each image turned by any angle; what enters from outside is dark."""
    angles = rng.uniform(0.0, 360.0, len(images))
    turned = np.empty_like(images)
    for index, (image, angle) in enumerate(zip(images, angles, strict=True)):
        ndimage.rotate(image, angle, reshape=False, order=1, output=turned[index])
    return turned


def add_backgrounds(images: Images, rng: np.random.Generator) -> Images:
    """Each image before a background of its own, of smooth random spots as large as strokes."""
    noise = rng.standard_normal(images.shape, dtype=np.float32)
    smooth = ndimage.gaussian_filter(noise, sigma=(0, 1.5, 1.5), mode="wrap")
    low, high = smooth.min(axis=(1, 2), keepdims=True), smooth.max(axis=(1, 2), keepdims=True)
    background = (smooth - low) / (high - low) * LARGEST_BACKGROUND
    darkened: Images = np.maximum(images, background).astype(np.uint8)
    return darkened


def make_scenes(images: Images, rng: np.random.Generator) -> Images:
    """(n, 28, 28) → (n, 64, 64, 3): a coloured digit anywhere on a colour, among coloured pieces of other digits."""
    scenes = np.empty((len(images), SCENE_SIDE, SCENE_SIDE, 3), np.uint8)
    side = images.shape[1]
    for index, image in enumerate(images):
        scene = np.full((SCENE_SIDE, SCENE_SIDE, 3), rng.uniform(0, 90, 3), np.float32)
        for _ in range(PIECES):
            row, column = rng.integers(0, side - PIECE_SIDE, 2)
            piece = images[rng.integers(len(images)), row : row + PIECE_SIDE, column : column + PIECE_SIDE]
            _paint(scene, piece, rng)
        _paint(scene, image, rng)
        scenes[index] = scene
    return scenes


def _paint(scene: NDArray[np.float32], ink: Images, rng: np.random.Generator) -> None:
    """Put ink of a random colour at a random place of the scene."""
    height, width = ink.shape
    row, column = rng.integers(0, SCENE_SIDE - height + 1), rng.integers(0, SCENE_SIDE - width + 1)
    share = (ink / np.float32(255))[..., None]
    place = scene[row : row + height, column : column + width]
    place += share * (rng.uniform(120, 255, 3).astype(np.float32) - place)


def take_few(arrays: Arrays, rng: np.random.Generator) -> Arrays:
    """As many training images of each class, 1,000 in all; every test image."""
    labels = arrays["y_train"]
    classes = np.unique(labels)
    chosen = [rng.choice(np.flatnonzero(labels == each), FEW // len(classes), replace=False) for each in classes]
    kept = np.sort(np.concatenate(chosen))
    return {**arrays, "x_train": arrays["x_train"][kept], "y_train": labels[kept]}


def transform(
    change: Callable[[Images, np.random.Generator], Images], *, most: Mapping[str, int] | None = None
) -> Callable[[Arrays, np.random.Generator], Arrays]:
    """The data set with all of its images changed, or `most` of a part."""

    def make(arrays: Arrays, rng: np.random.Generator) -> Arrays:
        made: dict[str, NDArray[np.generic]] = {}
        for part in ("train", "test"):
            count = len(arrays[f"x_{part}"]) if most is None else most[part]
            made[f"x_{part}"] = change(arrays[f"x_{part}"][:count].astype(np.uint8), rng)
            made[f"y_{part}"] = arrays[f"y_{part}"][:count]
        return made

    return make


VARIANTS: dict[str, Callable[[Arrays, np.random.Generator], Arrays]] = {
    "mnist": transform(keep),
    "rotated": transform(rotate),
    "backgrounds": transform(add_backgrounds),
    "scenes": transform(make_scenes, most=SCENES),
    "few": take_few,
}


def write(name: str, arrays: Arrays, folder: Path) -> Path:
    """Make the variant of that name and write it, unless it is there; its file. The same bytes every time."""
    path = folder / f"{name}.npz"
    if not path.exists():
        made = VARIANTS[name](arrays, np.random.default_rng(sorted(VARIANTS).index(name)))
        part = path.with_name(f".part-{path.name}")
        np.savez_compressed(part, allow_pickle=False, **made)
        part.replace(path)
    return path


def load_mnist() -> Arrays:
    """MNIST as `--dataset mnist` finds it: (n, 28, 28) uint8 images and their labels. Raises InputError without it."""
    from tuning.data.sources.by_name import load_dataset

    dataset = load_dataset("mnist")
    # The variants are data sets of their own, whose test sets nobody has seen before they are made.
    test = dataset.test.for_verification()
    return {
        "x_train": dataset.training.images[..., 0],
        "y_train": dataset.training.labels,
        "x_test": test.images[..., 0],
        "y_test": test.labels,
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench data_sets", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: all of {', '.join(VARIANTS)}")
    parser.add_argument("--folder", type=Path, required=True, help="gets NAME.npz, for tune.py --data")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    arrays = load_mnist()
    for name in arguments.names or VARIANTS:
        path = write(name, arrays, arguments.folder)
        with np.load(path) as made:
            shapes = ", ".join(f"{key} {made[key].shape}" for key in made.files)
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB  {shapes}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
