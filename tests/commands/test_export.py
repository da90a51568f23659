"""export.py and verify.py as a user calls them, on runs and on any Keras model."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = ("--workers", 0, "--repeats", 0)
GUIDE = ("--model", f"{ROOT}/scripts/examples/guides.py:build_model", "--pixel-scale", "unit")
"""A model that is quickly traced and trained."""
Script = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.slow
def test_any_keras_model_is_exported_and_answers_pictures(script: Script, model_file: Path, tmp_path: Path) -> None:
    shutil.copy(model_file, tmp_path / "mine.keras")

    exported = script("export.py", "--model", "mine.keras", "--dataset", "digits", "--json")
    verified = script("verify.py", "mine_artifacts", "--format", "onnx", "--json")

    assert exported.returncode == 0, exported.stderr
    assert json.loads(exported.stdout)["passed"] is True
    assert verified.returncode == 0, verified.stderr
    assert [result["file"] for result in json.loads(verified.stdout)["results"]] == ["model.onnx"]


def _save_float_model(path: Path, *, units: int, activation: str) -> None:
    """A model that knows digits as numbers from 0 to 1, knowing nothing yet."""
    import keras

    image = keras.Input((28, 28, 1))
    keras.Model(image, keras.layers.Dense(units, activation, name="y")(keras.layers.Flatten()(image))).save(path)


@pytest.mark.slow
def test_a_float_model_is_exported_once_its_scale_is_said_and_answers_pictures(script: Script, tmp_path: Path) -> None:
    _save_float_model(tmp_path / "mine.keras", units=10, activation="linear")
    Image.fromarray(np.pad(np.full((20, 4), 255, np.uint8), ((4, 4), (12, 12)))).save(tmp_path / "one.png")
    command = ["export.py", "--model", "mine.keras", "--dataset", "digits", "--format", "onnx"]

    unsaid = script(*command)
    said = script(*command, "--pixel-scale", "unit", "--json")
    verified = script("verify.py", "mine_artifacts")
    predicted = script("predict.py", "--artifacts", "mine_artifacts", "one.png", "--json")

    assert (unsaid.returncode, len(unsaid.stderr.strip().splitlines())) == (2, 1), unsaid.stderr
    assert "say by --pixel-scale what it was trained on" in unsaid.stderr
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["passed"] is True
    assert verified.returncode == 0, verified.stderr
    shares = json.loads(predicted.stdout)["predictions"][0]["probabilities"].values()
    assert sum(shares) == pytest.approx(1, abs=1e-5)


@pytest.mark.slow
def test_a_regression_is_exported_by_its_outputs_alone_and_classifies_no_picture(
    script: Script, tmp_path: Path
) -> None:
    _save_float_model(tmp_path / "age.keras", units=1, activation="linear")
    command = ["export.py", "--model", "age.keras", "--dataset", "digits", "--format", "onnx", "--outputs-only"]

    exported = script(*command, "--pixel-scale", "unit")
    verified = script("verify.py", "age_artifacts", "--json")
    predicted = script("predict.py", "--artifacts", "age_artifacts", "one.png")

    assert exported.returncode == 0, exported.stderr
    assert "largest value" in exported.stdout
    assert verified.returncode == 0, verified.stderr
    assert json.loads(verified.stdout)["kind"] == "outputs"
    assert "predict.py" not in verified.stderr
    assert predicted.returncode == 2
    assert "holds no classifier of pictures but a model with inputs and outputs of its own" in predicted.stderr


@pytest.mark.slow
def test_a_model_is_exported_as_it_is(script: Script, tmp_path: Path) -> None:
    _save_float_model(tmp_path / "mine.keras", units=10, activation="softmax")
    command = ["export.py", "--model", "mine.keras", "--dataset", "digits", "--format", "onnx", "--no-wrap"]

    exported = script(*command, "--pixel-scale", "signed")

    assert exported.returncode == 0, exported.stderr
    manifest = json.loads((tmp_path / "mine_artifacts" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["description"]["wrapped"] is False
    assert manifest["artifacts"][0]["inputs"][0]["dtype"] == "float32"
    assert manifest["artifacts"][0]["outputs"] == [{"name": "y", "dtype": "float32", "shape": [None, 10]}]


@pytest.mark.slow
def test_a_run_is_exported_as_it_recorded_its_model(script: Script, runs: Path) -> None:
    _save_float_model(runs / "first" / "model.keras", units=10, activation="softmax")
    _edit(
        runs / "first" / "run.json",
        lambda record: record.update(
            model={"source": None, "digest": None, "pixel_scale": [1 / 255, 0.0], "kind": "classifier"},
            test={**record["test"], "accuracy": None},
        ),
    )

    contradicted = script("export.py", "--run", "first", "--pixel-scale", "raw")
    exported = script("export.py", "--run", "first", "--output", "out", "--format", "onnx")

    assert contradicted.returncode == 2
    assert "which --pixel-scale raw contradicts: leave it out" in contradicted.stderr
    assert exported.returncode == 0, exported.stderr


@pytest.mark.slow
def test_a_model_that_is_not_the_one_that_was_evaluated_is_not_published(script: Script, runs: Path) -> None:
    """Its files would agree with it all the same."""
    _save_float_model(runs / "first" / "model.keras", units=10, activation="softmax")
    scale = {"source": None, "digest": None, "pixel_scale": [1 / 255, 0.0], "kind": "classifier"}
    _edit(runs / "first" / "run.json", lambda record: record.update(model=scale))

    done = script("export.py", "--run", "first", "--output", "out", "--format", "onnx")

    assert done.returncode == 1
    assert "when it was evaluated: it is not the same model, or it is given other pixels" in done.stderr
    assert not (runs.parent / "out").exists()


@pytest.mark.slow
def test_a_changed_file_makes_verification_say_no(script: Script, runs: Path) -> None:
    with (runs / "first" / "artifacts" / "model.onnx").open("r+b") as file:
        file.seek(500)
        file.write(b"\xff")

    done = script("verify.py", "--run", "first")
    deeper = script("verify.py", "--run", "first", "--bisect")

    assert (done.returncode, deeper.returncode) == (1, 1)
    assert "model.onnx was changed since it was published" in done.stderr
    assert "verify.py runs/first/artifacts --bisect tells at which layer it goes wrong" in done.stderr
    assert "model.onnx: " in deeper.stdout


@pytest.mark.exhaustive
def test_the_verification_can_be_verified_where_the_keras_model_is_at_hand(script: Script, runs: Path) -> None:
    tested = script("verify.py", "--run", "first", "--self-test", "--json")
    (runs / "first" / "model.keras").unlink()
    refused = script("verify.py", "--run", "first", "--self-test")

    assert tested.returncode == 0, tested.stderr
    faults = json.loads(tested.stdout)["faults"]
    assert len({fault["name"] for fault in faults}) >= 12
    assert all(fault["ring"] for fault in faults)
    assert refused.returncode == 2
    assert "does not hold the Keras model that the files were made of" in refused.stderr


def _edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.exhaustive
def test_a_trial_that_did_not_win_is_trained_once_and_exported(script: Script, tmp_path: Path) -> None:
    options = ("--dataset", "digits", "--max-trials", 2, "--epochs", 1, *HERE, *GUIDE, "--run", "two")
    assert script("tune.py", *options).returncode == 0
    run = tmp_path / "runs" / "two"
    record = json.loads((run / "run.json").read_text())
    winner = record["winner"]["trial_id"]
    other = {"0000": "0001", "0001": "0000"}[winner]
    command = ("export.py", "--run", "two", "--format", "onnx")

    first = script(*command, "--trial", other, "--json")
    again = script(*command, "--trial", other, "--json")
    won = script(*command, "--trial", winner, "--json")

    assert (first.returncode, again.returncode, won.returncode) == (0, 0, 0), first.stderr
    assert f"trial {other} has no model yet: training it on 1442 images, 1 epoch" in first.stderr
    assert "has no model yet" not in again.stderr + won.stderr
    folders = [json.loads(done.stdout)["folder"] for done in (first, again, won)]
    assert folders == [f"runs/two/trials/{other}/artifacts"] * 2 + ["runs/two/artifacts"]
    left = sorted(path.name for path in (run / "trials" / other).iterdir() if not path.name.endswith(".lock"))
    assert left == ["artifacts", "model.keras", "training.json"]
    assert json.loads((run / "run.json").read_text()) == record
