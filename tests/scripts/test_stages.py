"""What follows a search: a model to save or a record of why there is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from scripts.parts.stages import Work, train_model
from tuning.errors import TrainingError
from tuning.run_folder import RunFolder
from tuning.search_data import SearchData
from tuning.settings import Plan, TrainingSettings
from tuning.space import Choices


@pytest.mark.slow
def test_a_training_that_diverges_is_on_record_as_failed(
    hypermodel: Any, digits: Any, small_split: Any, tmp_path: Path
) -> None:
    hopeless = type(hypermodel)(hypermodel.task, ranges={**hypermodel.ranges, "learning_rate": Choices(values=(1e30,))})
    values = {"num_blocks": 1, "num_filters_1": 8, "learning_rate": 1e30}
    plan = Plan(hyperparameters=hopeless.check(values), settings=TrainingSettings(epochs=2), seed=0)
    work = Work(
        dataset=digits,
        data=SearchData.of(digits),
        builder=hopeless,
        factories=(),
        folder=RunFolder(path=tmp_path),
        console=Console(quiet=True),
    )

    with pytest.raises(TrainingError, match="the loss became NaN or infinite in epoch 1"):
        train_model(work, {"status": "retraining", "seed": 0}, plan, training=small_split[0])

    assert json.loads((tmp_path / "run.json").read_text()) == {"status": "failed", "seed": 0}
    assert not (tmp_path / "model.keras").exists()
