"""What a run's folder says of a model that was trained to its end, and of how it did on the test set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tuning.errors import InputError
from tuning.files.atomic import RESTORE, read_json
from tuning.files.recorded import read_record
from tuning.runs.trained import TrainedModel


def read_scores(path: Path) -> dict[str, float]:
    """Precision, recall and F1 of `evaluation.json`, those that there are. Raises InputError for others."""
    content = read_json(path)
    scores: dict[str, Any] = {name: content[name] for name in ("precision", "recall", "f1") if name in content}
    for name, score in scores.items():
        if isinstance(score, bool) or not isinstance(score, int | float):
            raise InputError(f"{path} holds {score!r} for {name} but it must be a number: {RESTORE}")
    return scores


def read_trained(path: Path) -> TrainedModel:
    """What `training.json` holds. Raises InputError if it holds something else."""
    return read_record(path, TrainedModel, fault="does not describe a trained model")
