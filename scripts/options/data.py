"""The options that name the data → Dataset, with what a person should know about it."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from scripts import _entry
from scripts.options.declared import option
from tuning.data.array_options import AUTO, CLASSES, NUMBERS, ArrayOptions
from tuning.data.sources.by_name import dataset_names
from tuning.errors import InputError

if TYPE_CHECKING:
    from scripts.terminal.console import Console
    from tuning.data.dataset import Dataset
    from tuning.data.folder_options import FolderOptions
    from tuning.data.sources.source import Reading
    from tuning.runs.run_record import RunRecord


Options = TypeVar("Options", "FolderOptions", ArrayOptions)

STORE = ".images"
"""Where in the folder of runs the pixels of folders of pictures are kept; it may be removed at any time."""


_SIZES = "--image-size and --skip-corrupt go with --data FOLDER: other data has its size already"
_GOES_WITH = {
    "labels": "--labels goes with --data FILE.npz: other data has classes",
    "image_size": _SIZES,
    "skip_corrupt": _SIZES,
}


@dataclass(frozen=True, kw_only=True)
class DataChoice:
    """Which data is asked for, and how it is read. None: not asked."""

    dataset: str | None = option(
        f"{', '.join(dataset_names())}; auto is MNIST, or the embedded digits where it is not available",
        metavar="NAME",
        otherwise="auto",
        one_of="data",
    )
    data: Path | None = option(
        "your own: an npz file with x_train, y_train, x_test, y_test, or a folder with a subfolder of pictures for "
        "each class, in train/, validation/ and test/ or not",
        metavar="PATH",
        one_of="data",
    )
    labels: str | None = option(
        f"what the labels of an npz file are: {CLASSES} or {NUMBERS} to predict",
        metavar="KIND",
        otherwise=f"{AUTO}, by what they hold",
    )
    image_size: str | None = option("fit the pictures of a folder to this size, like 64x64", metavar="HxW")
    skip_corrupt: bool | None = option("leave out pictures of a folder that can't be read")

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Self:
        return cls(**{field.name: getattr(arguments, field.name) for field in dataclasses.fields(cls)})

    @property
    def is_asked(self) -> bool:
        """Whether any option says which data, or how to read it."""
        return self != type(self)()

    def as_options(self) -> dict[str, Any]:
        """The same as options to repeat, paths absolute."""
        path = None if self.data is None else str(self.data.resolve())
        return {**dataclasses.asdict(self), "data": path, "skip_corrupt": bool(self.skip_corrupt)}

    def load(self, *, runs: Path, seed: int | None = None, recorded: Dataset | None = None) -> Dataset:
        """The data. What the options don't say of a folder or file is as in `recorded`, if that is one."""
        from tuning.data.sources.by_name import load_dataset, needs_keras, path_source
        from tuning.files.bounded_files import is_folder

        source = None if self.data is None else path_source(self.data, is_folder=is_folder(self.data))
        for name, otherwise in _GOES_WITH.items():
            if getattr(self, name) is not None and (source is None or name not in source.takes):
                raise InputError(otherwise)
        if source is not None:
            assert self.data is not None
            return source.load(self._reading(self.data, recorded, seed=seed, runs=runs))
        name = self.dataset if self.dataset is not None else "auto"
        if needs_keras(name):
            _entry.load_tensorflow()
        return load_dataset(name)

    def _reading(self, path: Path, recorded: Dataset | None, *, seed: int | None, runs: Path) -> Reading:
        from tuning.data.folder_options import FolderOptions, parse_image_size
        from tuning.data.sources.source import Reading

        asked: dict[str, Any] = {
            "seed": seed,
            "labels": self.labels,
            "image_size": None if self.image_size is None else parse_image_size(self.image_size),
            "skip_corrupt": self.skip_corrupt,
        }
        folder = recorded.folder if recorded is not None else None
        arrays = recorded.arrays if recorded is not None else None
        usual = dataclasses.replace(folder, path=str(path)) if folder is not None else FolderOptions(path=str(path))
        return Reading(
            path=path,
            folder=_change(usual, asked),
            arrays=_change(arrays if arrays is not None else ArrayOptions(), asked),
            store=runs / STORE,
        )


@dataclass(frozen=True, kw_only=True)
class TrainingDataChoice(DataChoice):
    """Data to train on."""

    sample_weight: str | None = option(
        "what examples count in the loss: an array of the npz file with a weight for each to train on, or the weights "
        "of classes",
        metavar="ARRAY or CLASS=N[,…]",
        otherwise="all alike",
    )

    def load(self, *, runs: Path, seed: int | None = None, recorded: Dataset | None = None) -> Dataset:
        """The data, its examples weighed. What the options don't say is as in `recorded`, if that is one."""
        from tuning.data.example_weights import array_asked, parse_class_weights, weigh_as_asked

        asked = self._asked(recorded)
        is_weights_alone = dataclasses.replace(self, sample_weight=None) == TrainingDataChoice()
        if recorded is not None and is_weights_alone:
            asked_before = recorded.sample_weight
            if asked == asked_before:
                return recorded
            before = "without --sample-weight" if asked_before is None else f"with --sample-weight {asked_before}"
            raise InputError(f"the run was started {before}: start a new run for other weights")
        if array_asked(asked) is None and asked is not None:
            # Before anything is read.
            parse_class_weights(asked)
        return weigh_as_asked(super().load(runs=runs, seed=seed, recorded=recorded), asked)

    def _asked(self, recorded: Dataset | None) -> str | None:
        if self.sample_weight is not None or recorded is None:
            return self.sample_weight
        return recorded.sample_weight

    def _reading(self, path: Path, recorded: Dataset | None, *, seed: int | None, runs: Path) -> Reading:
        from tuning.data.example_weights import array_asked

        reading = super()._reading(path, recorded, seed=seed, runs=runs)
        return dataclasses.replace(reading, weights=array_asked(self._asked(recorded)))


def _change(usual: Options, asked: Mapping[str, Any]) -> Options:
    """The options with what is asked of those that they have."""
    names = {field.name for field in dataclasses.fields(usual)}
    return dataclasses.replace(
        usual, **{name: value for name, value in asked.items() if name in names and value is not None}
    )


def load_run_dataset(record: RunRecord, *, runs: Path = _entry.DEFAULT_RUNS) -> Dataset:
    """The data that a run was made with. Raises InputError if it is not available or has changed."""
    from tuning.data.sources.by_name import needs_keras
    from tuning.runs.recorded_data import load_recorded_dataset

    if needs_keras(record.dataset.name):
        _entry.load_tensorflow()
    return load_recorded_dataset(record.dataset, store=runs / STORE)


def tell_fallback(console: Console, dataset: Dataset) -> None:
    from scripts.terminal.console import yellow

    if dataset.fallback_reason:
        console.print(yellow("note: "), f"running on {dataset.name} instead of MNIST: {dataset.fallback_reason}")


def tell_dataset(console: Console, dataset: Dataset, *, validation: int) -> None:
    from scripts.terminal.console import yellow

    training = len(dataset.training) - (validation if dataset.validation is None else 0)
    shows_classes = dataset.training.shows_classes
    what = "images" if shows_classes else "examples"
    shapes = [f"{name} of {'×'.join(map(str, shape))}" for name, shape in dataset.input_shapes.items()]
    if shows_classes:
        shapes = ["×".join(map(str, dataset.image_shape))]
    if dataset.is_classification:
        shapes.append(f"{dataset.num_classes} classes")
    console.print(
        f"data: {dataset.name}, {training} training, {validation} validation and {len(dataset.test)} test "
        f"{what} of {', '.join(shapes)}"
    )
    tell_fallback(console, dataset)
    for warning in dataset.warnings:
        console.print(yellow("warning: "), warning)
