"""Messages of the library name fields of its classes; on the command line those have options."""

from __future__ import annotations

import re

OPTIONS = {
    "algorithm": "--algorithm",
    "balance_classes": "--class-weight",
    "batch_sizes": "--batch-size",
    "data": "--data",
    "epochs": "--epochs",
    "finalists": "--finalists",
    "image_size": "--image-size",
    "labels": "--labels",
    "max_parameters": "--max-parameters",
    "max_trials": "--max-trials",
    "min_epochs": "--min-epochs",
    "objective": "--objective",
    "pixel_scale": "--pixel-scale",
    "repeats": "--repeats",
    "retrain_with_fit": "--retrain-with fit",
    "runs": "--runs",
    "seed": "--seed",
    "skip_corrupt": "--skip-corrupt",
    "tensorboard": "--tensorboard",
}
"""Field of `SearchConfig`, `Wishes`, `ArrayOptions` or `FolderOptions`, or parameter → the option that sets it."""


def with_options(message: str) -> str:
    """The message with each field that it names in backticks as the option of the command line."""
    return re.sub(r"`(\w+)`", lambda found: OPTIONS.get(found[1], found[0]), message)
