"""What a run's folder says of a model that was trained to its end, and of how it did on the test set."""

from __future__ import annotations

from pathlib import Path

from tuning.files.atomic import read_json
from tuning.files.recorded import read_record
from tuning.runs.evaluation_record import Evaluation, OutputEvaluation
from tuning.runs.trained import TrainedModel


def read_evaluation(path: Path) -> Evaluation | OutputEvaluation:
    """What `evaluation.json` holds. Raises InputError if it holds something else."""
    kind: type[Evaluation | OutputEvaluation] = OutputEvaluation if "metrics" in read_json(path) else Evaluation
    return read_record(path, kind, fault="does not describe an evaluation")


def read_trained(path: Path) -> TrainedModel:
    """What `training.json` holds. Raises InputError if it holds something else."""
    return read_record(path, TrainedModel, fault="does not describe a trained model")
