"""Search, retraining, export and verification: on real MNIST where it is at hand, on the embedded digits elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

MNIST_FOLDER = os.environ.get("TEST_MNIST_FOLDER")
DATASET = "mnist" if MNIST_FOLDER else "digits"
ENVIRONMENT = {"TUNING_DATA_DIR": MNIST_FOLDER} if MNIST_FOLDER else {}
TEST_IMAGES = {"mnist": 10_000, "digits": 355}[DATASET]
LEAST_ACCURACY = {"mnist": 0.98, "digits": 0.95}[DATASET]

Script = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.slow
def test_every_format_gives_every_test_image_the_label_of_the_keras_model(fresh_script: Script, tmp_path: Path) -> None:
    options = ["--dataset", DATASET, "--run", "whole", "--max-trials", 1, "--epochs", 1, "--budget", "70s"]

    tuned = fresh_script("tune.py", *options, "--minimum-accuracy", LEAST_ACCURACY, "--json", **ENVIRONMENT)
    exported = fresh_script("export.py", "--run", "whole", "--format", "all", "--json", **ENVIRONMENT)
    shutil.move(tmp_path / "runs" / "whole" / "artifacts", tmp_path / "elsewhere")
    verified = fresh_script("verify.py", "elsewhere", "--json")

    assert tuned.returncode == 0, tuned.stderr
    assert json.loads(tuned.stdout)["test"]["looks"] == 1
    assert exported.returncode == 0, exported.stderr
    assert verified.returncode == 0, verified.stderr
    parity = json.loads(verified.stdout)
    assert [result["format"] for result in parity["results"]][:3] == ["saved_model", "tflite", "onnx"]
    for result in parity["results"]:
        assert result["examples"] == TEST_IMAGES
        assert result["label_flips"] == 0
        assert result["max_abs_error"] <= 1e-5
        assert result["accuracy"] == json.loads(tuned.stdout)["test"]["accuracy"]


@pytest.mark.slow
def test_the_default_data_is_mnist_where_it_is_at_hand_and_says_so_where_it_is_not(tmp_path: Path) -> None:
    program = (
        "from tuning.data.sources.by_name import load_dataset; "
        "d = load_dataset('auto'); print(d.name, bool(d.fallback_reason))"
    )
    environment = {**os.environ, "KERAS_HOME": str(tmp_path), "https_proxy": "http://127.0.0.1:9", **ENVIRONMENT}
    root = Path(__file__).resolve().parent.parent

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, env=environment, capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == [DATASET, str(DATASET == "digits")]
