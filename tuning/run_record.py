"""What `run.json` says about a run: written at its start, completed as it goes on, compared when it is resumed."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tuning.dataset import Dataset
from tuning.errors import InputError
from tuning.records import Evaluation, TrialRecord
from tuning.run_folder import RunFolder, finite_or_none
from tuning.sources import load_dataset, load_npz

SEARCHING = "searching"
RETRAINING = "retraining"
EVALUATING = "evaluating"
FINISHED = "finished"
FAILED = "failed"

_RECORDED_VERSIONS = ("tensorflow", "keras", "keras-tuner", "numpy")


def describe_dataset(dataset: Dataset, *, validation: int, path: Path | None) -> dict[str, Any]:
    """The `dataset` part. `validation`: how many training images were set apart; `path`: the npz file, if it is one."""
    return {
        "name": dataset.name,
        "path": None if path is None else str(path.resolve()),
        "digest": dataset.digest,
        "fallback_reason": dataset.fallback_reason or None,
        "class_names": list(dataset.class_names),
        "image_shape": list(dataset.image_shape),
        "train": len(dataset.training) - validation,
        "validation": validation,
        "test": len(dataset.test),
    }


def load_recorded_dataset(record: Mapping[str, Any]) -> Dataset:
    """The data that a run was made with, and why not MNIST if so.

    Raises InputError if it can't be had or is not the same any more.
    """
    described = record["dataset"]
    if described["path"] is None:
        dataset = load_dataset(described["name"])
    else:
        dataset = load_npz(Path(described["path"]), name=described["name"])
    if dataset.digest != described["digest"]:
        raise InputError(
            f"the data {described['path'] or described['name']} changed since the run was made (digest "
            f"{dataset.digest[:12]}…, was {described['digest'][:12]}…): restore it or start a new run"
        )
    return dataclasses.replace(dataset, fallback_reason=described["fallback_reason"] or "")


def describe_versions() -> dict[str, str]:
    """The `versions` part: Python's and those of the libraries that decide what a training gives."""
    return {"python": platform.python_version(), **{name: version(name) for name in _RECORDED_VERSIONS}}


def describe_winner(winner: TrialRecord) -> dict[str, Any]:
    """The `winner` part."""
    return {
        "trial_id": winner.trial_id,
        "hyperparameters": dict(winner.hyperparameters),
        "val_loss": finite_or_none(winner.val_loss),
        "val_accuracy": winner.val_accuracy,
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
