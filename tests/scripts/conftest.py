"""Runs whose trainings never happened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tuning.files.atomic import write_json
from tuning.runs.run_folder import RunFolder
from tuning.runs.trained import TrainedModel
from tuning.settings import TrainingSettings


@pytest.fixture
def trained_run(tmp_path: Path) -> Callable[..., RunFolder]:
    """`trained_run(**values)`: a run's folder with the record of a model that has these values."""

    def make(**values: Any) -> RunFolder:
        known: dict[str, Any] = {
            "hyperparameters": {},
            "settings": TrainingSettings(epochs=1),
            "seed": 0,
            "examples": 1,
            "parameters": 1,
            "epochs": (),
            "result_epoch": 0,
            "seconds": 0.0,
        }
        run = RunFolder(path=tmp_path)
        write_json(run.training, TrainedModel(**{**known, **values}).as_json())
        return run

    return make
