"""Which published folder a command means, what its files need to run, and the Keras model that they were made of."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from pathlib import Path

from export.artifact import Format, digest_file
from export.folder.manifest import Manifest
from scripts import _entry
from scripts.options.targets import require_formats
from tuning.environment.cpu_kernels import kernel_choice

OR_CHOOSE = ", or choose by --format what this Python can run"
SUFFIXES = (".keras", ".h5", ".hdf5")
"""Of files that Keras saves models in."""


def published_folder(arguments: argparse.Namespace, given: Path | None) -> Path:
    """The folder given outright, else that of `--run`, else that of the newest exported run; a publication that was
    cut off there is completed, or where that can't be done read from where it is whole."""
    from export.folder.install import whole_state

    return whole_state(given if given is not None else _folder_of_run(arguments))


def _folder_of_run(arguments: argparse.Namespace) -> Path:
    _entry.hand_over(["filelock"], or_else=", or give the artifacts folder")
    from tuning.runs.run_folder import newest_finished, open_run

    if arguments.run is None:
        return newest_finished(arguments.runs, published=True).artifacts
    run = open_run(arguments.runs, arguments.run)
    run.read()
    return run.artifacts


def keras_model_beside(folder: Path, manifest: Manifest) -> Path | None:
    """The Keras model that the published files were made of, where `export.py` finds and leaves it; None if it is
    there no longer."""
    folder = folder.absolute()
    stem = folder.name.removesuffix("_artifacts")
    names = ["model.keras", "model.weights.h5", *(f"{stem}{suffix}" for suffix in SUFFIXES)]
    for path in (folder.parent / name for name in names):
        if path.is_file() and digest_file(path) == manifest.description.source_digest:
            return path
    return None


def holds_weights_alone(path: Path) -> bool:
    """Whether Keras calls a file so that holds no model, which only code can build."""
    return path.name.endswith(".weights.h5")


def require_runtimes(formats: Iterable[Format], *others: str) -> None:
    """Go on where the runtimes of these formats are installed. They are loaded by processes of their own."""
    require_formats(formats, *others, or_else=OR_CHOOSE)
    os.environ.update(kernel_choice(os.environ))
