"""What a run was made with: its data, as the record describes it and as it is loaded again, and the libraries."""

from __future__ import annotations

import dataclasses
import platform
from importlib.metadata import version
from pathlib import Path

from tuning.data.array_options import STRICT
from tuning.data.dataset import Dataset
from tuning.data.example_weights import array_asked, weigh_as_asked
from tuning.data.folder_options import FolderOptions
from tuning.data.image_store import DEFAULT_STORE
from tuning.data.sources.by_name import dataset_names, load_dataset, path_source
from tuning.data.sources.source import Reading
from tuning.errors import InputError
from tuning.runs.run_record import RecordedDataset

_RECORDED_VERSIONS = ("tensorflow", "keras", "keras-tuner", "numpy")


def describe_versions() -> dict[str, str]:
    """Python's and those of the libraries that decide what a training gives."""
    return {"python": platform.python_version(), **{name: version(name) for name in _RECORDED_VERSIONS}}


def describe_dataset(dataset: Dataset, *, validation: int, path: Path | None) -> RecordedDataset:
    """`validation`: how many examples validate; `path`: the npz file or folder, if it is one."""
    given = dataset.validation is not None
    folder = dataset.folder
    if path is None and folder is not None:
        path = Path(folder.path)
    return RecordedDataset(
        name=dataset.name,
        path=None if path is None else str(path.resolve()),
        folder=None if folder is None else dataclasses.replace(folder, path=str(Path(folder.path).resolve())),
        arrays=dataset.arrays,
        sample_weight=dataset.sample_weight,
        digest=dataset.digest,
        fallback_reason=dataset.fallback_reason or None,
        class_names=tuple(dataset.class_names),
        image_shape=tuple(dataset.image_shape) if dataset.training.holds_images else None,
        input_shapes={name: tuple(shape) for name, shape in dataset.input_shapes.items()},
        skipped=tuple(dataset.skipped),
        train=len(dataset.training) - (0 if given else validation),
        validation=validation,
        test=len(dataset.test),
    )


def load_recorded_dataset(recorded: RecordedDataset, *, store: Path = DEFAULT_STORE) -> Dataset:
    """The data that a run was made with, and why not MNIST if so. `store`: where a folder's pixels are kept.

    Raises InputError if it is not available or not the same any more.
    """
    if recorded.path is not None:
        path = Path(recorded.path)
        reading = Reading(
            path=path,
            folder=recorded.folder if recorded.folder is not None else FolderOptions(path=recorded.path),
            arrays=recorded.arrays if recorded.arrays is not None else STRICT,
            name=recorded.name,
            store=store,
            weights=array_asked(recorded.sample_weight),
        )
        dataset = path_source(path, is_folder=recorded.folder is not None).load(reading)
    elif recorded.name in dataset_names():
        dataset = load_dataset(recorded.name)
    else:
        raise InputError(
            f"the data {recorded.name} was handed over by a program and can't be loaded again: save it as an npz "
            "file or as a folder of pictures, and start a new run with `data`"
        )
    dataset = weigh_as_asked(dataset, recorded.sample_weight)
    if dataset.digest != recorded.digest:
        raise InputError(
            f"the data {recorded.path or recorded.name} changed since the run was made (digest "
            f"{dataset.digest[:12]}…, was {recorded.digest[:12]}…): restore it or start a new run"
        )
    return dataclasses.replace(dataset, fallback_reason=recorded.fallback_reason or "")
