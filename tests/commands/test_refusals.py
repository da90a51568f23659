"""Bad input gets one sentence and exit code 2, and changes nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from refused import assert_refused
from run_records import run_json

from tuning.settings import TrainingPlan, TrainingSettings

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = ("--workers", 0, "--repeats", 0)
QUICK = ("--dataset", "digits", "--max-trials", 1, "--epochs", 1, "--budget", "1s", *HERE)
Script = Callable[..., subprocess.CompletedProcess[str]]


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(".lock")
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--set", "learningrate=1"], "unknown hyperparameter learningrate: did you mean learning_rate?"),
        (["--set", "num_blocks=1", "--set", "num_filters_3=16"], "num_filters_3 has no effect in this configuration"),
        (["--set", "num_blocks=9"], "num_blocks must be one of 1, 2, 3, got 9"),
        (["--set", "num_blocks=two"], "num_blocks must be a whole number, got two"),
        (["--trial", "first"], "--trial needs RUN:ID"),
        (["--trial", "first:0042"], "has no trial 0042: it has 0000"),
        (["--trial", "nowhere:0000"], "there is no run"),
        (["--baseline", "simple-32", "--run", "first"], "already holds a run: choose another --run"),
    ],
)
def test_train_refuses_what_is_not_there(arguments: list[str], part: str, script: Script, runs: Path) -> None:
    before = snapshot(runs)

    assert_refused(script("train.py", "--dataset", "digits", *arguments), part)
    assert snapshot(runs) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["tune.py", "--run", "first"], "already holds a run: pass --resume to continue it or choose another --run"),
        (["tune.py", "--run", "first", "--resume", "--seed", "7"], "was started with seed 0 and can't go on with 7"),
        (
            ["tune.py", "--run", "first", "--resume", "--finalists", "5"],
            "with finalists 3 and can't go on with 5: leave",
        ),
        (
            ["tune.py", "--run", "first", "--resume", "--repeats", "1"],
            "with repeats 0 and can't go on with 1: leave it",
        ),
        (["tune.py", "--run", "first", "--resume", "--min-epochs", "2"], "with min_epochs 1 and can't go on with 2: l"),
        (
            ["tune.py", "--run", "first", "--resume", "--max-parameters", "9"],
            "max_parameters None and can't go on with",
        ),
        (
            ["tune.py", "--run", "first", "--resume", "--objective", "val_loss,params"],
            "was started with objective val_loss and can't go on with val_loss,params: leave it out or start a new run",
        ),
        (["tune.py", "--run", "first", "--resume", "--max-trials", "0"], "--max-trials must be 1 or more, got 0"),
        (
            ["train.py", "--run", "first", "--baseline", "simple-28"],
            "already holds a run: choose another --run, or go on",
        ),
        (
            ["train.py", "--run", "first", "--resume"],
            f"resume it with python {ROOT}/scripts/tune.py --run first --resume",
        ),
        (["train.py", "--run", "first", "--resume", "--seed", "7"], "was started with: leave out --seed"),
        (["train.py", "--run", "second", "--resume"], "there is no run runs/second"),
        (["train.py", "--resume"], "--resume needs --run NAME: say which run to go on with"),
        (
            ["export.py", "--format", "coreml"],
            "unknown format coreml: choose among saved_model, tflite, onnx, openvino and all",
        ),
        (["export.py", "--variant", "int3"], "unknown variant int3"),
        (["export.py", "--opset", "99"], "--opset must be 13 to 18, got 99"),
        (["export.py", "--opset", "19"], "--opset must be 13 to 18, got 19: tf2onnx writes no newer one"),
        (["export.py", "--variant", "auto", "--variant", "int8"], "--variant auto chooses by itself"),
        (["export.py", "--tolerance", "int8=nan"], "--tolerance must be a number from 0 to 1, got nan"),
        (["export.py", "--run", "second"], "there is no run runs/second"),
        (["export.py", "--dataset", "digits"], "--dataset and --data go with --model"),
        (["export.py", "--model", "x.keras"], "--model needs --dataset or --data"),
        (
            ["export.py", "--run", "first", "--pixel-scale", "half"],
            "--pixel-scale must be unit, signed, raw or FACTOR,OFFSET",
        ),
        (
            ["export.py", "--run", "first", "--output", "runs/new", "--pixel-scale", "unit"],
            "was trained on uint8 pixels as they are, which --pixel-scale unit contradicts: leave it out",
        ),
        (["export.py", "--run", "first", "--trial", "0042"], "first has no trial 0042: it has 0000"),
        (
            ["export.py", "--trial", "0000", "--model", "x.keras", "--dataset", "digits"],
            "--trial is one of a run: leave it out, or --model",
        ),
        (["verify.py", "--run", "second"], "there is no run runs/second"),
        (["verify.py", "nowhere"], "there is no nowhere/manifest.json"),
        (["verify.py", "nowhere", "--run", "first"], "give a folder or --run, not both"),
        (["predict.py", "nothing.png"], "there is no file nothing.png"),
        (["predict.py", "runs/first/run.json"], "can't be read as a picture"),
        (
            ["predict.py", "--format", "coreml", "x.png"],
            "unknown format coreml: choose one of saved_model, tflite, onnx, openvino",
        ),
        (["predict.py", "--format", "all", "x.png"], "unknown format all"),
        (["predict.py", "--runs", "elsewhere", "x.png"], "or give the folder of your runs with --runs"),
    ],
)
def test_a_bad_request_leaves_existing_runs_as_they_were(
    arguments: list[str], part: str, script: Script, runs: Path
) -> None:
    before = snapshot(runs)

    assert_refused(script(*arguments), part)
    assert snapshot(runs) == before


@pytest.mark.slow
def test_a_resumed_run_keeps_its_data_and_its_trials(
    script: Script, runs: Path, arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    np.savez(tmp_path / "mine.npz", **arrays)
    record = json.loads((runs / "first/run.json").read_text())
    (runs / "first/run.json").write_text(json.dumps({**record, "config": {**record["config"], "max_trials": 3}}))
    before = snapshot(runs)
    resume = ("tune.py", "--run", "first", "--resume")

    assert_refused(script(*resume, "--data", "mine.npz"), "was started with the data digits and can't go on with mine")
    assert_refused(script(*resume, "--max-trials", 2), "--max-trials 2 is less than the 3 that runs/first was started")
    assert snapshot(runs) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "part"),
    [
        (
            ["tune.py", "--run", "first", "--resume"],
            f"resume it with python {ROOT}/scripts/train.py --run first --resume",
        ),
        (["export.py", "--run", "first"], f"complete it with python {ROOT}/scripts/train.py --run first --resume"),
    ],
)
def test_an_unfinished_run_of_train_is_refused_with_the_command_that_goes_on(
    command: list[str], part: str, script: Script, runs: Path
) -> None:
    plan = TrainingPlan(hyperparameters={}, settings=TrainingSettings(epochs=1), seed=0)
    record = run_json(command="train", status="retraining", config={"plan": plan.as_json()})
    (runs / "first/run.json").write_text(json.dumps(record))
    before = snapshot(runs)

    assert_refused(script(*command), part)
    assert snapshot(runs) == before


@pytest.mark.slow
def test_a_keras_file_that_is_not_one_is_refused(script: Script, tmp_path: Path) -> None:
    (tmp_path / "fake.keras").write_text("not a model")

    done = script("export.py", "--model", "fake.keras", "--dataset", "digits")

    assert_refused(done, "fake.keras is not a Keras file")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fake.keras"]


def test_bench_lists_its_measurements() -> None:
    done = subprocess.run([str(ROOT / "scripts/bench")], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "baselines curves data_sets default_run evidence exports faults folder" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "option", "part"),
    [
        ("tensorboard", ["--tensorboard"], "--tensorboard needs tensorboard: install it with pip install"),
        ("optuna", ["--algorithm", "tpe"], "optuna"),
    ],
)
def test_an_option_whose_package_is_missing_is_refused_before_anything_is_written(
    package: str, option: list[str], part: str, tmp_path: Path
) -> None:
    program = f"""
import importlib.util, runpy, sys; sys.path.insert(0, {str(ROOT)!r})
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *others: None if name == {package!r} else find(name, *others)
sys.modules[{package!r}] = None
sys.argv = [{str(ROOT / "scripts/tune.py")!r}, *{[*map(str, QUICK), *option]!r}]
sys.path.insert(0, {str(ROOT / "scripts")!r})
runpy.run_path(sys.argv[0], run_name="__main__")
"""

    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert_refused(done, part)
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_changed_data_is_refused_by_export_and_resume(
    script: Script, arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    np.savez(tmp_path / "mine.npz", **arrays)
    assert script("tune.py", "--data", "mine.npz", "--run", "own", *QUICK[2:]).returncode == 0
    arrays["x_test"][0, 0, 0] ^= 1
    np.savez(tmp_path / "mine.npz", **arrays)

    assert_refused(script("export.py", "--run", "own"), "changed since the run was made")
    assert_refused(script("tune.py", "--run", "own", "--resume"), "changed since the run was made")
