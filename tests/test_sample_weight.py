"""Weights of examples, from the command line to the delivered model."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

Script = Callable[..., subprocess.CompletedProcess[str]]

SHORT = ("--max-trials", 1, "--epochs", 2, "--repeats", 0, "--workers", 0, "--budget", "none", "--run", "weighed")


@pytest.fixture
def file(tmp_path: Path, small_split: tuple[object, object]) -> Path:
    """Digits, of which a 3 weighs nothing in training."""
    training, test = small_split
    arrays = {"x_train": training.images, "y_train": training.labels, "x_test": test.images, "y_test": test.labels}
    np.savez(tmp_path / "digits.npz", **arrays, w=(training.labels != 3).astype(float))
    return tmp_path / "digits.npz"


@pytest.mark.slow
@pytest.mark.parametrize("asked", ["w", "3=0"])
def test_what_weighs_nothing_is_not_learned_and_a_run_keeps_its_weights(
    script: Script, file: Path, tmp_path: Path, asked: str
) -> None:
    done = script("tune.py", "--data", file, "--sample-weight", asked, *SHORT)
    same = script("tune.py", "--run", "weighed", "--resume", "--sample-weight", asked)
    other = script("tune.py", "--run", "weighed", "--resume", "--sample-weight", "1=2")
    again = script("tune.py", "--config", tmp_path / "runs" / "weighed" / "run.json", "--run", "again", "--json")

    assert (done.returncode, same.returncode, again.returncode) == (0, 0, 0), done.stderr + same.stderr + again.stderr
    assert other.returncode == 2
    assert f"the run was started with --sample-weight {asked}: start a new run for other weights" in other.stderr
    records = [json.loads((tmp_path / "runs" / name / "run.json").read_text()) for name in ("weighed", "again")]
    assert [record["dataset"]["sample_weight"] for record in records] == [asked, asked]
    assert records[0]["dataset"]["digest"] == records[1]["dataset"]["digest"]
    answers = keras.models.load_model(tmp_path / "runs" / "weighed" / "model.keras").predict(np.load(file)["x_test"])
    assert 3 not in answers.argmax(axis=1)
    assert len(set(answers.argmax(axis=1).tolist())) > 5
