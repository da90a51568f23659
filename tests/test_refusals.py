"""Bad input gets one sentence and exit code 2, and changes nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
PYTHON_SCRIPTS = ("tune.py", "train.py", "export.py", "verify.py", "predict.py")
HERE = ("--workers", 0, "--repeats", 0)
QUICK = ("--dataset", "digits", "--max-trials", 1, "--epochs", 1, "--budget", "1s", *HERE)

Script = Callable[..., subprocess.CompletedProcess[str]]


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(".lock")
    }


def assert_refused(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    """Exit code 2 and one sentence on stderr that holds every part."""
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "usage:" not in done.stderr
    for part in parts:
        assert part in done.stderr


def _without(key: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda arrays: {name: array for name, array in arrays.items() if name != key}


def _with(key: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda arrays: {**arrays, key: change(arrays[key])}


@pytest.mark.parametrize("name", PYTHON_SCRIPTS)
def test_a_bad_option_is_told_in_one_sentence(name: str, script: Script) -> None:
    assert_refused(script(name, "--no-such-option"), "--help")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--dataset", "cifar"], "unknown dataset cifar: choose one of auto, mnist, fashion_mnist, digits"),
        (["--data", "missing.npz"], "there is no file missing.npz"),
        (["--run", "../evil"], "'../evil' must be a letter or digit"),
        (["--run", "a/b"], "not a path"),
        (["--seed", "-1"], "--seed must be 0 or more, got -1"),
        (["--max-trials", "0"], "--max-trials must be 1 or more, got 0"),
        (["--epochs", "0"], "--epochs must be 1 or more, got 0"),
        (["--budget", "soon"], "a duration must be a number above 0 with a unit"),
        (
            ["--algorithm", "magic"],
            "unknown algorithm magic: choose one of random, bayesian, tpe, hyperband, halving, grid",
        ),
        (["--workers", "-1"], "--workers must be 0 or more, got -1"),
        (["--finalists", "0"], "--finalists must be 1 or more, got 0"),
        (["--repeats", "-1"], "--repeats must be 0 or more, got -1"),
        (["--min-epochs", "0"], "--min-epochs must be 1 or more, got 0"),
        (["--max-parameters", "0"], "--max-parameters must be 1 or more, got 0"),
        (["--trial-timeout", "5x"], "a duration must be a number above 0 with a unit, like 90s, 10m or 1.5h, got '5x'"),
        (["--objective", "val_loss,weights"], "weights"),
        (["--objective", "params"], "--objective must begin with a metric, like val_loss,params, got params"),
        (["--baselines", "--model", "own:build"], "--baselines are configurations of the built-in model: leave it"),
        (["--minimum-accuracy", "99"], "--minimum-accuracy must be 0 to 1, got 99.0"),
        (["--resume"], "--resume needs --run NAME"),
        (["--run", "nothing", "--resume"], "there is no run runs/nothing to resume"),
        (["--dataset", "digits", "--data", "a.npz"], "not allowed with argument"),
    ],
)
def test_tune_refuses_bad_arguments_and_starts_nothing(
    arguments: list[str], part: str, script: Script, tmp_path: Path
) -> None:
    assert_refused(script("tune.py", *arguments), part)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (_without("y_test"), "lacks y_test"),
        (_with("x_train", lambda x: x.astype(np.float32) / 255), "x_train has dtype float32 but images must be uint8"),
        (_with("x_train", lambda x: np.full(x.shape, np.nan)), "holds 2560 NaN but images must be uint8"),
        (_with("x_test", lambda x: x[:, :, :7]), "both must be the same"),
        (_with("x_train", lambda x: np.stack([x, x], axis=-1)), "but images need 1 or 3 channels"),
        (_with("x_train", lambda x: x[0]), "but images must be (examples, height, width)"),
        (_with("y_test", lambda y: y + 9), "y_test holds the label 12 but the 4 classes are numbered 0 to 3"),
        (_with("y_train", lambda y: y.astype(np.int64) - 1), "y_train holds the label -1 but labels must be 0 or more"),
        (_with("y_train", lambda y: np.where(y == 1, 2, y)), "class 1 has no training images"),
        (_with("y_train", lambda y: y[:-1]), "give one label for each image"),
        (
            _with("y_train", lambda y: y.astype(np.float32)),
            "y_train has dtype float32 but labels must be whole numbers",
        ),
    ],
)
def test_tune_refuses_bad_data_and_starts_nothing(
    change: Callable[[dict[str, Any]], dict[str, Any]],
    part: str,
    script: Script,
    arrays: dict[str, np.ndarray],
    tmp_path: Path,
) -> None:
    np.savez(tmp_path / "bad.npz", **change(arrays))

    assert_refused(script("tune.py", "--data", "bad.npz"), part)
    assert not (tmp_path / "runs").exists()


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:90])


@pytest.mark.parametrize(
    ("spoil", "options", "parts"),
    [
        (lambda folder: shutil.rmtree(folder / "square"), (), ("shapes has 1 class folders (circle)",)),
        (lambda folder: (folder / "triangle").mkdir(), (), ("class triangle has no pictures in shapes/triangle",)),
        (lambda folder: (folder / "test").mkdir(), (), ("shapes has test but no train",)),
        (
            lambda folder: _cut(folder / "circle/3.png"),
            (),
            ("pictures that can't be read, 1 in all", "circle/3.png is dam"),
        ),
        (lambda folder: (folder / "circle/0.png").write_bytes(b""), (), ("circle/0.png holds no bytes",)),
        (lambda folder: (folder / "circle/0.png").write_text("hi"), (), ("circle/0.png is no picture",)),
        (lambda folder: (folder / "circle/a.png").symlink_to("b"), (), ("circle/a.png can't be opened: No such file",)),
        (
            lambda folder: Image.new("RGB", (5, 7)).save(folder / "circle/small.png"),
            (),
            ("pictures of 2 sizes, from 7×5 (shapes/circle/small.png) to 12×10", "--image-size"),
        ),
        (lambda folder: None, ("--image-size", "wide"), ("--image-size must be HEIGHTxWIDTH", "got wide")),
        (lambda folder: None, ("--image-size", "0x8"), ("--image-size must be HEIGHTxWIDTH", "got 0x8")),
        (lambda folder: shutil.rmtree(folder), (), ("there is no file shapes",)),
    ],
)
def test_tune_refuses_a_bad_folder_of_pictures_and_leaves_nothing_behind(
    spoil: Callable[[Path], object],
    options: tuple[str, ...],
    parts: tuple[str, ...],
    script: Script,
    picture_folder: Path,
    tmp_path: Path,
) -> None:
    spoil(picture_folder)

    assert_refused(script("tune.py", "--data", "shapes", *options), *parts)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("option", [("--skip-corrupt",), ("--image-size", "8")])
@pytest.mark.parametrize("data", [("--dataset", "digits"), ("--data", "some.npz"), ()])
def test_options_of_folders_are_refused_for_other_data(
    data: tuple[str, ...], option: tuple[str, ...], script: Script, arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    np.savez(tmp_path / "some.npz", **arrays)

    assert_refused(script("tune.py", *data, *option), "--image-size and --skip-corrupt go with --data FOLDER")


@pytest.mark.slow
def test_the_built_in_model_refuses_data_without_classes(
    script: Script, arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    measured = {key: array.astype(np.float32) for key, array in arrays.items() if key.startswith("y_")}
    np.savez(tmp_path / "measured.npz", **{**arrays, **measured})

    assert_refused(script("tune.py", "--data", "measured.npz"), "measured.npz does not say which class an image shows")
    assert not (tmp_path / "runs").exists()


def test_tune_refuses_a_truncated_npz(script: Script, arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    np.savez(tmp_path / "whole.npz", **arrays)
    content = (tmp_path / "whole.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(content[: len(content) // 2])

    assert_refused(script("tune.py", "--data", "cut.npz"), "cut.npz can't be read as npz", "is it complete?")


def test_a_data_folder_without_the_file_is_an_error_even_for_auto(script: Script, tmp_path: Path) -> None:
    done = script("tune.py", TUNING_DATA_DIR=str(tmp_path))

    assert_refused(done, "TUNING_DATA_DIR is set but there is no", "mnist.npz")


@pytest.mark.slow
def test_mnist_that_cannot_be_had_is_never_substituted(script: Script) -> None:
    done = script("tune.py", "--dataset", "mnist", https_proxy="http://127.0.0.1:9")

    assert done.returncode == 2
    assert "mnist can't be had: its download failed" in done.stderr.splitlines()[-1]
    assert "TUNING_DATA_DIR" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--baseline", "best"], "unknown baseline best: choose one of simple-32"),
        (["--set", "learning_rate"], "--set needs NAME=VALUE"),
        (["--baseline", "simple-32", "--epochs", "0"], "--epochs must be 1 or more, got 0"),
        (["--baseline", "simple-32", "--seed", "-3"], "--seed must be 0 or more, got -3"),
        (["--baseline", "simple-32", "--minimum-accuracy", "2"], "--minimum-accuracy must be 0 to 1, got 2.0"),
        ([], "one of the arguments --baseline --trial --set --resume is required"),
    ],
)
def test_train_refuses_bad_arguments_quickly(arguments: list[str], part: str, script: Script, tmp_path: Path) -> None:
    assert_refused(script("train.py", "--dataset", "digits", *arguments), part)
    assert not (tmp_path / "runs").exists()


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
            f"go on with it by python {ROOT}/scripts/tune.py --run first --resume",
        ),
        (["train.py", "--run", "first", "--resume", "--seed", "7"], "was started with: leave out --seed"),
        (["train.py", "--run", "second", "--resume"], "there is no run runs/second"),
        (["train.py", "--resume"], "--resume needs --run NAME: say which run to go on with"),
        (["export.py", "--format", "coreml"], "unknown format coreml: choose among saved_model, tflite, onnx and all"),
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
            "unknown format coreml: choose one of saved_model, tflite, onnx",
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
def test_baselines_that_do_not_fit_the_images_are_refused(
    script: Script, arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    np.savez(tmp_path / "mine.npz", **arrays)

    done = script("tune.py", "--data", "mine.npz", "--baselines")

    assert_refused(done, "is not in the space (num_blocks must be one of 1, got 2): leave out --baselines")
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "part"),
    [
        (
            ["tune.py", "--run", "first", "--resume"],
            f"go on with it by python {ROOT}/scripts/train.py --run first --resume",
        ),
        (["export.py", "--run", "first"], f"complete it with python {ROOT}/scripts/train.py --run first --resume"),
    ],
)
def test_an_unfinished_run_of_train_is_refused_with_the_command_that_goes_on(
    command: list[str], part: str, script: Script, runs: Path
) -> None:
    record = json.loads((runs / "first/run.json").read_text())
    (runs / "first/run.json").write_text(json.dumps({**record, "command": "train", "status": "retraining"}))
    before = snapshot(runs)

    assert_refused(script(*command), part)
    assert snapshot(runs) == before


@pytest.mark.slow
def test_a_keras_file_that_is_not_one_is_refused(script: Script, tmp_path: Path) -> None:
    (tmp_path / "fake.keras").write_text("not a model")

    done = script("export.py", "--model", "fake.keras", "--dataset", "digits")

    assert_refused(done, "fake.keras is not a .keras file")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fake.keras"]


def _in_small_disk(size: str, mount_options: str, command: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run with a small memory file system at `cwd/disk`, in a mount namespace of its own."""
    (cwd / "disk").mkdir(exist_ok=True)
    mount = f'mount -t tmpfs -o size={size} none "{cwd}/disk" && {mount_options} && exec "$@"'
    isolated = ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, "sh", *command]
    return subprocess.run(isolated, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["saved_model", "tflite", "onnx"])
def test_export_to_a_full_disk_says_so(kind: str, runs: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(ROOT / "scripts/export.py"),
        "--run",
        "first",
        "--format",
        kind,
        "--output",
        "disk/out",
    ]

    done = _in_small_disk("64k", "true", command, tmp_path)

    assert_refused(done, "can't be written: the disk is full: free some space")


@pytest.mark.slow
def test_tune_on_a_full_disk_says_so(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts/tune.py"), *map(str, QUICK), "--runs", "disk/runs"]

    done = _in_small_disk("12k", "true", command, tmp_path)

    assert_refused(done, "can't be written: the disk is full: free some space")


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [["export.py", "--run", "first", "--output", "disk/out"], ["tune.py", "--runs", "disk/runs", *map(str, QUICK)]],
)
def test_a_read_only_folder_is_refused(arguments: list[str], runs: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts" / arguments[0]), *arguments[1:]]

    done = _in_small_disk("1m", f'mount -o remount,ro "{tmp_path}/disk"', command, tmp_path)

    assert_refused(done, "can't be written: the folder is read-only: choose another one")


@pytest.mark.slow
def test_an_output_folder_that_is_a_disk_of_its_own_is_refused_and_stays_usable(runs: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts/export.py"), "--run", "first", "--format", "onnx"]

    refused = _in_small_disk("8m", "true", [*command, "--output", "disk"], tmp_path)
    exported = _in_small_disk("8m", "true", [*command, "--output", "disk/inside"], tmp_path)

    assert_refused(refused, "disk is a disk of its own: choose a folder inside it")
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith((".ready", ".staged"))] == []
    assert exported.returncode == 0, exported.stderr


def test_bench_lists_its_measurements() -> None:
    done = subprocess.run([str(ROOT / "scripts/bench")], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "baselines default_run exports faults folder" in done.stderr


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
