"""Messages of the library name fields of its classes, and scripts: on the command line, options and calls."""

from __future__ import annotations

import re

from scripts.terminal.program import call_of, quote

OPTIONS = {
    "algorithm": "--algorithm",
    "balance_classes": "--class-weight",
    "batch_sizes": "--batch-size",
    "data": "--data",
    "epochs": "--epochs",
    "finalists": "--finalists",
    "folds": "--folds",
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
    "sample_weight": "--sample-weight",
    "seed": "--seed",
    "skip_corrupt": "--skip-corrupt",
    "tensorboard": "--tensorboard",
}
"""Field of `SearchConfig`, `Wishes`, `ArrayOptions` or `FolderOptions`, or parameter → the option that sets it."""


def with_options(message: str) -> str:
    """The message with each field that it names in backticks as the option of the command line, and each script as the
    command that runs it."""
    message = re.sub(r"`(\w+\.py)`", lambda found: quote(call_of(found[1])), message)
    return re.sub(r"`(\w+)`", lambda found: OPTIONS.get(found[1], found[0]), message)
