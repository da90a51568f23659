"""What follows a search: a model to save or a record of why there is none."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.commands.stages import Work, train_model
from scripts.terminal.console import Console
from tuning.data.search_data import SearchData
from tuning.errors import TrainingError
from tuning.runs.run_folder import RunFolder
from tuning.settings import TrainingPlan, TrainingSettings
from tuning.space.ranges import Choices

RECORD = {"status": "retraining", "seed": 0}


def work_on(builder: Any, dataset: Any, path: Path, *, factories: Any = ()) -> Work:
    job = SimpleNamespace(dataset=dataset, data=SearchData.of(dataset), builder=builder, factories=factories)
    return Work(job=job, folder=RunFolder(path=path), console=Console(io.StringIO()))


@pytest.mark.slow
def test_a_training_that_diverges_is_on_record_as_failed(
    hypermodel: Any, digits: Any, small_split: Any, tmp_path: Path
) -> None:
    hopeless = type(hypermodel)(hypermodel.task, ranges={**hypermodel.ranges, "learning_rate": Choices(values=(1e30,))})
    values = {"num_blocks": 1, "num_filters_1": 8, "learning_rate": 1e30}
    plan = TrainingPlan(hyperparameters=hopeless.check(values), settings=TrainingSettings(epochs=2), seed=0)

    with pytest.raises(TrainingError, match="the loss became NaN or infinite in epoch 1"):
        train_model(work_on(hopeless, digits, tmp_path), RECORD, plan, examples=(small_split[0], None))

    assert json.loads((tmp_path / "run.json").read_text()) == {"status": "failed", "seed": 0}
    assert not (tmp_path / "model.keras").exists()


@pytest.mark.slow
def test_a_callback_that_fails_while_the_winner_is_retrained_is_the_user_s_to_mend(
    hypermodel: Any, digits: Any, small_split: Any, tmp_path: Path
) -> None:
    def broken(trial: Any) -> Any:
        raise ValueError("no tracker")

    plan = TrainingPlan(
        hyperparameters=hypermodel.check({"num_blocks": 1}), settings=TrainingSettings(epochs=1), seed=0
    )
    work = work_on(hypermodel, digits, tmp_path, factories=(broken,))

    with pytest.raises(
        TrainingError, match=r"the training of the built-in model failed \(test_stages\.py line 4\d: ValueError: no tr"
    ):
        train_model(work, RECORD, plan, examples=(small_split[0], None))

    assert json.loads((tmp_path / "run.json").read_text())["status"] == "failed"
