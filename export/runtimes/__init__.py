"""One file per format, each with `load(path, threads) → RuntimeModel`, importing nothing but numpy and its runtime."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from export.artifact import RUNTIME_PACKAGES, Target, TensorSpec
from export.errors import InputError
from export.parity import Probabilities

BATCH = 500


class RuntimeModel(Protocol):
    """A loaded artifact. Called with uint8 (batch, height, width, channels), batch 1 or more, it answers with float32
    (batch, classes). Anything else, and a file that its runtime can't run, raises ValueError.
    """

    input: TensorSpec
    output: TensorSpec

    def __call__(self, images: np.ndarray) -> Probabilities: ...


def load(target: Target, path: Path, *, threads: int | None = None) -> RuntimeModel:
    """Open an artifact in its runtime; `threads` None leaves the number to the runtime.

    Raises InputError if the runtime is not installed or can't open the file.
    """
    module, package = RUNTIME_PACKAGES[target.format]
    if find_spec(module) is None:
        raise InputError(f"{path} needs {package}, which is not installed: pip install {package}")
    if not path.exists():
        raise InputError(f"there is no {path}: export the model first")
    loaded: RuntimeModel = import_module(f"export.runtimes.{target.format.value}").load(path, threads)
    return loaded


def predict(model: RuntimeModel, images: np.ndarray) -> Probabilities:
    """The answers, float32 (examples, classes), to uint8 images (examples, height, width, channels), in batches.

    Raises ValueError for no images and as the model does.
    """
    if not len(images):
        raise ValueError("there must be at least one image, got none")
    return np.concatenate([model(images[at : at + BATCH]) for at in range(0, len(images), BATCH)])


def one_line(error: Exception) -> str:
    """What a runtime says went wrong, in one line of at most 300 characters."""
    return " ".join(str(error).split())[:300]


def check_images(images: Any, spec: TensorSpec) -> None:
    """Raise ValueError unless `images` is what the contract says: some runtimes answer other arrays all the same."""
    if not isinstance(images, np.ndarray) or images.dtype != np.dtype(spec.dtype):
        found = images.dtype if isinstance(images, np.ndarray) else type(images).__name__
        raise ValueError(f"{spec.name} must be a {spec.dtype} array, got {found}")
    if images.ndim != len(spec.shape) or images.shape[1:] != spec.shape[1:] or not len(images):
        expected = ", ".join("batch" if size is None else str(size) for size in spec.shape)
        raise ValueError(f"{spec.name} must have shape ({expected}) with a batch of 1 or more, got {images.shape}")
