"""train.py as a user calls it: one configuration, and what becomes of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from tuning.training.checkpoint import SECONDS_APART

ROOT = Path(__file__).resolve().parent.parent.parent
Script = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.exhaustive
def test_a_killed_training_goes_on_to_the_result_of_an_uninterrupted_one(script: Script, tmp_path: Path) -> None:
    options = ["--baseline", "callbacks-99", "--dataset", "digits", "--epochs", "40"]
    command = [sys.executable, str(ROOT / "scripts/train.py"), "--run", "killed", *options]
    unbuffered = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=tmp_path, env=unbuffered, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any(line.startswith("epoch") for line in process.stdout)
        # Its state is kept when an epoch ends so long after the last time.
        process.send_signal(signal.SIGSTOP)
        time.sleep(SECONDS_APART)
        process.send_signal(signal.SIGCONT)
        while not (tmp_path / "runs" / "killed" / "checkpoint" / "progress.json").exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)

    resumed = script("train.py", "--run", "killed", "--resume", "--json")
    whole = script("train.py", "--run", "whole", *options, "--json")
    again = script("train.py", "--run", "killed", "--resume")

    assert resumed.returncode == 0, resumed.stderr
    assert "going on after epoch" in resumed.stderr
    assert "no better val_loss for" in resumed.stderr
    assert json.loads(resumed.stdout) == {**json.loads(whole.stdout), "run": "runs/killed"}
    assert "nothing more to do" in again.stdout
    assert not (tmp_path / "runs" / "killed" / "checkpoint").exists()


@pytest.mark.slow
def test_an_accuracy_below_the_minimum_is_a_no(script: Script) -> None:
    done = script(
        "train.py", "--dataset", "digits", "--baseline", "simple-28", "--epochs", 1, "--minimum-accuracy", 1.0
    )

    assert done.returncode == 1
    assert "below the wanted accuracy of 100.00%" in done.stdout


@pytest.mark.slow
def test_trained_model_is_used_on_new_pictures(script: Script, tmp_path: Path) -> None:
    picture = Image.new("RGB", (300, 200), "white")
    ImageDraw.Draw(picture).line([(150, 40), (150, 160)], fill="black", width=16)
    picture.save(tmp_path / "one.jpg")

    trained = script("train.py", "--dataset", "digits", "--baseline", "callbacks-99", "--epochs", 15, "--run", "cb")
    exported = script("export.py", "--run", "cb", "--format", "saved_model")
    predicted = script("predict.py", "--run", "cb", "--format", "saved_model", "one.jpg", "--json")

    assert trained.returncode == 0, trained.stderr
    assert all(word in trained.stdout for word in ("precision", "recall", "F1"))
    assert (tmp_path / "runs" / "cb" / "curves.png").stat().st_size > 10_000
    assert exported.returncode == 0, exported.stderr
    prediction = json.loads(predicted.stdout)["predictions"][0]
    assert prediction["class"] == "1"
    assert "dark on light: inverted" in prediction["notes"]


@pytest.mark.slow
def test_a_trial_of_a_search_can_be_trained_alone(script: Script, runs: Path) -> None:
    done = script("train.py", "--dataset", "digits", "--trial", "first:0000", "--json")

    assert done.returncode == 0, done.stderr
    searched = json.loads((runs / "first" / "run.json").read_text())["winner"]["hyperparameters"]
    assert json.loads(done.stdout)["winner"]["hyperparameters"] == searched


def test_a_training_without_a_model_to_keep_is_a_no(tmp_path: Path) -> None:
    program = f"""
import sys; sys.path.insert(0, {str(ROOT / "scripts")!r}); sys.argv = ["failing.py"]
import _entry
def run(arguments):
    from tuning.errors import TrainingError
    raise TrainingError("the loss became NaN")
_entry.main(_entry.parser("test"), run, requires=[])
"""

    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (1, "the loss became NaN\n")
