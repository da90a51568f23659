"""The `--dataset` and `--data` arguments → Dataset, with what a person should know about it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts import _entry
from tuning.records import DATASET_NAMES

if TYPE_CHECKING:
    from rich.console import Console

    from tuning.dataset import Dataset


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--dataset",
        metavar="NAME",
        help=f"{', '.join(DATASET_NAMES)}; auto is MNIST, or the embedded digits where it can't be had (default: auto)",
    )
    group.add_argument("--data", type=Path, metavar="FILE.npz", help="your own x_train, y_train, x_test, y_test")


def load_asked_dataset(arguments: argparse.Namespace) -> Dataset:
    from tuning.sources import load_dataset, load_npz, needs_keras

    if arguments.data is not None:
        return load_npz(arguments.data)
    name = arguments.dataset if arguments.dataset is not None else "auto"
    if needs_keras(name):
        _entry.load_tensorflow()
    return load_dataset(name)


def describe_asked_data(arguments: argparse.Namespace) -> dict[str, Any]:
    """The same arguments as options to repeat, paths absolute."""
    data = arguments.data
    return {"dataset": arguments.dataset, "data": None if data is None else str(data.resolve())}


def load_run_dataset(record: Mapping[str, Any]) -> Dataset:
    """The data that a run was made with. Raises InputError if it can't be had or is not the same any more."""
    from tuning.run_record import load_recorded_dataset
    from tuning.sources import needs_keras

    if needs_keras(record["dataset"]["name"]):
        _entry.load_tensorflow()
    return load_recorded_dataset(record)


def tell_fallback(console: Console, dataset: Dataset) -> None:
    from rich.markup import escape

    if dataset.fallback_reason:
        console.print(f"[yellow]note:[/] running on {dataset.name} instead of MNIST: {escape(dataset.fallback_reason)}")


def tell_dataset(console: Console, dataset: Dataset, *, validation: int) -> None:
    from rich.markup import escape

    height, width, channels = dataset.image_shape
    console.print(
        f"data: {escape(dataset.name)}, {len(dataset.training) - validation} training, {validation} validation and "
        f"{len(dataset.test)} test images of {height}×{width}×{channels}, {dataset.num_classes} classes"
    )
    tell_fallback(console, dataset)
    for warning in dataset.warnings:
        console.print(f"[yellow]warning:[/] {escape(warning)}")
