"""Which published folder a command means, and what its files need to run."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from export.artifact import Format
from scripts import _entry

_PACKAGES = {Format.SAVED_MODEL: "tensorflow", Format.TFLITE: "ai_edge_litert", Format.ONNX: "onnxruntime"}


def published_folder(arguments: argparse.Namespace, given: Path | None) -> Path:
    """The folder given outright, else that of `--run`, else that of the newest exported run."""
    if given is not None:
        return given
    from tuning.run_folder import newest_finished, open_run

    if arguments.run is not None:
        return open_run(arguments.runs, arguments.run).artifacts
    return newest_finished(arguments.runs, published=True).artifacts


def require_runtimes(formats: Iterable[Format], *others: str) -> None:
    """Go on where the runtimes of these formats are installed, with TensorFlow loaded if one of them is its own."""
    wanted = sorted(formats)
    _entry.hand_over([*(_PACKAGES[kind] for kind in wanted), *others])
    if Format.SAVED_MODEL in wanted:
        _entry.load_tensorflow()
