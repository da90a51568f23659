"""What `run.json` says about a run: written at its start, completed as it goes on, compared when it is resumed."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tuning.data.array_options import ArrayOptions
from tuning.data.dataset import Dataset
from tuning.data.folder_options import FolderOptions
from tuning.data.image_store import DEFAULT_STORE
from tuning.data.sources.by_name import dataset_names, load_dataset, path_source
from tuning.data.sources.source import Reading
from tuning.errors import InputError
from tuning.files.atomic import finite_or_none
from tuning.records import TrialRecord
from tuning.runs.evaluation_record import Evaluation
from tuning.runs.run_folder import RunFolder

SEARCHING = "searching"
RETRAINING = "retraining"
EVALUATING = "evaluating"
FINISHED = "finished"
FAILED = "failed"

_RECORDED_VERSIONS = ("tensorflow", "keras", "keras-tuner", "numpy")


def describe_dataset(dataset: Dataset, *, validation: int, path: Path | None) -> dict[str, Any]:
    """The `dataset` part. `validation`: how many examples validate; `path`: the npz file or folder, if it is one."""
    given = dataset.validation is not None
    folder = dataset.folder
    return {
        "name": dataset.name,
        "path": None if path is None else str(path.resolve()),
        "folder": None if folder is None else {**folder.as_json(), "path": str(Path(folder.path).resolve())},
        "arrays": None if dataset.arrays is None else dataset.arrays.as_json(),
        "digest": dataset.digest,
        "fallback_reason": dataset.fallback_reason or None,
        "class_names": list(dataset.class_names),
        "image_shape": list(dataset.image_shape) if dataset.training.holds_images else None,
        "input_shapes": {name: list(shape) for name, shape in dataset.input_shapes.items()},
        "skipped": list(dataset.skipped),
        "train": len(dataset.training) - (0 if given else validation),
        "validation": validation,
        "test": len(dataset.test),
    }


def load_recorded_dataset(record: Mapping[str, Any], *, store: Path = DEFAULT_STORE) -> Dataset:
    """The data that a run was made with, and why not MNIST if so. `store`: where a folder's pixels are kept.

    Raises InputError if it can't be had or is not the same any more.
    """
    described = record["dataset"]
    folder, arrays = _reading_of(described)
    if described["path"] is not None:
        path = Path(described["path"])
        usual = folder if folder is not None else FolderOptions(path=str(path))
        reading = Reading(path=path, folder=usual, arrays=arrays, name=described["name"], store=store)
        dataset = path_source(path, is_folder=folder is not None).load(reading)
    elif described["name"] in dataset_names():
        dataset = load_dataset(described["name"])
    else:
        raise InputError(
            f"the data {described['name']} was handed over by a program and can't be loaded again: save it as an npz "
            "file or as a folder of pictures, and start a new run with --data"
        )
    if dataset.digest != described["digest"]:
        raise InputError(
            f"the data {described['path'] or described['name']} changed since the run was made (digest "
            f"{dataset.digest[:12]}…, was {described['digest'][:12]}…): restore it or start a new run"
        )
    return dataclasses.replace(dataset, fallback_reason=described["fallback_reason"] or "")


def _reading_of(described: Mapping[str, Any]) -> tuple[FolderOptions | None, ArrayOptions]:
    """How the data was read, as a folder or as arrays. Raises InputError for what no run records."""
    folder = described.get("folder")
    try:
        options = None if folder is None else FolderOptions.from_json(folder)
        return options, ArrayOptions.from_json(described.get("arrays"))
    except (TypeError, LookupError) as error:
        raise InputError(f"the run does not say how its data is read ({error!r}): restore run.json") from error


def describe_versions() -> dict[str, str]:
    """The `versions` part: Python's and those of the libraries that decide what a training gives."""
    return {"python": platform.python_version(), **{name: version(name) for name in _RECORDED_VERSIONS}}


def describe_winner(winner: TrialRecord) -> dict[str, Any]:
    """The `winner` part."""
    return {
        "trial_id": winner.trial_id,
        "hyperparameters": dict(winner.hyperparameters),
        "val_loss": finite_or_none(winner.val_loss),
        "val_accuracy": winner.epochs[winner.result_epoch].val_accuracy,
        "parameters": winner.parameters,
    }


def describe_test(evaluation: Evaluation) -> dict[str, Any]:
    """The `test` part but for the number of looks."""
    return {"accuracy": evaluation.accuracy, "ci95": list(evaluation.ci95)}


def require_unchanged(folder: RunFolder, recorded: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Raise InputError if `asked` holds another value than the run's own for anything that a resumed run fixes."""
    for name, value in asked.items():
        if recorded.get(name) != value:
            raise InputError(
                f"{folder.path} was started with {name} {recorded.get(name)} and can't go on with {value}: leave it "
                "out or start a new run"
            )
