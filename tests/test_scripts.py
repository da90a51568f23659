"""The scripts as a user calls them: exit codes, messages, hand-over, and the whole path on the embedded digits."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parent.parent
PYTHON_SCRIPTS = ("tune.py", "train.py", "export.py", "verify.py", "predict.py")
FRAMEWORKS = ("numpy", "tensorflow", "keras", "keras_tuner", "onnxruntime", "rich")
QUICK = ("--dataset", "digits", "--max-trials", 1, "--epochs", 1, "--budget", "20s")

Script = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs with one finished and exported run, `first`."""
    folder = tmp_path_factory.mktemp("work")
    for command in (["tune.py", "--run", "first", *map(str, QUICK)], ["export.py", "--run", "first"]):
        arguments = [sys.executable, str(ROOT / "scripts" / command[0]), *command[1:]]
        subprocess.run(arguments, cwd=folder, check=True, capture_output=True)
    return folder / "runs"


@pytest.fixture
def runs(finished: Path, tmp_path: Path) -> Path:
    """A copy of those runs to work on."""
    return Path(shutil.copytree(finished, tmp_path / "runs"))


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


@pytest.mark.parametrize("name", PYTHON_SCRIPTS)
def test_help_loads_no_framework(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", str(ROOT / "scripts" / name), "--help"]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)

    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert loaded & set(FRAMEWORKS) == set()
    assert "usage:" in done.stdout


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
        (["--algorithm", "magic"], "unknown algorithm magic: choose one of random, bayesian, hyperband, grid"),
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


def _without(key: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda arrays: {name: array for name, array in arrays.items() if name != key}


def _with(key: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda arrays: {**arrays, key: change(arrays[key])}


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
        ([], "one of the arguments --baseline --trial --set is required"),
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
        (["tune.py", "--run", "first", "--resume", "--max-trials", "0"], "--max-trials must be 1 or more, got 0"),
        (["export.py", "--format", "coreml"], "unknown format coreml: choose among saved_model, tflite, onnx and all"),
        (["export.py", "--variant", "int3"], "unknown variant int3"),
        (["export.py", "--opset", "99"], "--opset must be 13 to 18, got 99"),
        (["export.py", "--run", "second"], "there is no run runs/second"),
        (["export.py", "--dataset", "digits"], "--dataset and --data go with --model"),
        (["export.py", "--model", "x.keras"], "--model needs --dataset or --data"),
        (["verify.py", "--run", "second"], "there is no runs/second/artifacts/manifest.json"),
        (["verify.py", "nowhere"], "there is no nowhere/manifest.json"),
        (["verify.py", "nowhere", "--run", "first"], "give a folder or --run, not both"),
        (["predict.py", "nothing.png"], "there is no file nothing.png"),
        (["predict.py", "runs/first/run.json"], "can't be read as a picture"),
        (["predict.py", "--format", "coreml", "x.png"], "unknown format coreml"),
    ],
)
def test_a_bad_request_leaves_existing_runs_as_they_were(
    arguments: list[str], part: str, script: Script, runs: Path
) -> None:
    before = snapshot(runs)

    assert_refused(script(*arguments), part)
    assert snapshot(runs) == before


@pytest.mark.slow
def test_a_keras_file_that_is_not_one_is_refused(script: Script, tmp_path: Path) -> None:
    (tmp_path / "fake.keras").write_text("not a model")

    done = script("export.py", "--model", "fake.keras", "--dataset", "digits")

    assert_refused(done, "fake.keras is not a .keras file")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fake.keras"]


@pytest.mark.slow
def test_any_keras_model_is_exported_and_answers_pictures(script: Script, model_file: Path, tmp_path: Path) -> None:
    shutil.copy(model_file, tmp_path / "mine.keras")

    exported = script("export.py", "--model", "mine.keras", "--dataset", "digits", "--json")
    verified = script("verify.py", "mine_artifacts", "--format", "onnx", "--json")

    assert exported.returncode == 0, exported.stderr
    assert json.loads(exported.stdout)["passed"] is True
    assert verified.returncode == 0, verified.stderr
    assert [result["file"] for result in json.loads(verified.stdout)["results"]] == ["model.onnx"]


@pytest.mark.slow
def test_a_changed_file_makes_verification_say_no(script: Script, runs: Path) -> None:
    with (runs / "first" / "artifacts" / "model.onnx").open("r+b") as file:
        file.seek(500)
        file.write(b"\xff")

    done = script("verify.py", "--run", "first")

    assert done.returncode == 1
    assert "model.onnx was changed since it was published" in done.stderr


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


@pytest.mark.slow
def test_a_finished_run_that_asks_for_nothing_more_says_so_and_is_not_touched(script: Script, runs: Path) -> None:
    before = (runs / "first" / "model.keras").read_bytes()

    done = script("tune.py", "--run", "first", "--resume", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["test"]["looks"] == 1
    assert "nothing more to do" in done.stderr
    assert (runs / "first" / "model.keras").read_bytes() == before


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


@pytest.mark.slow
def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(ROOT / "scripts/tune.py"),
        "--dataset",
        "digits",
        "--run",
        "stopped",
        "--epochs",
        "1",
    ]
    with subprocess.Popen([*command, "--max-trials", "50"], cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        journal = tmp_path / "runs" / "stopped" / "trials.jsonl"
        while not (journal.exists() and "finished" in journal.read_text()):
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "continue with python scripts/tune.py --run stopped --resume" in errors
    assert "Traceback" not in errors


@pytest.mark.slow
def test_a_killed_search_goes_on_to_the_result_of_an_uninterrupted_one(script: Script, tmp_path: Path) -> None:
    options = ["--dataset", "digits", "--epochs", "1", "--max-trials", "3", "--budget", "none"]
    command = [sys.executable, str(ROOT / "scripts/tune.py"), "--run", "killed", *options]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
        journal = tmp_path / "runs" / "killed" / "trials.jsonl"
        while not (journal.exists() and "finished" in journal.read_text()):
            assert process.poll() is None
            time.sleep(0.1)
        process.kill()

    resumed = script("tune.py", "--run", "killed", "--resume", "--json")
    whole = script("tune.py", "--run", "whole", *options, "--json")

    assert resumed.returncode == 0, resumed.stderr
    after, before = json.loads(resumed.stdout), json.loads(whole.stdout)
    assert after["winner"] == before["winner"]
    assert after["test"] == before["test"]


def _in_small_disk(size: str, mount_options: str, command: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run with a small memory file system at `cwd/disk`, in a mount namespace of its own."""
    (cwd / "disk").mkdir(exist_ok=True)
    mount = f'mount -t tmpfs -o size={size} none "{cwd}/disk" && {mount_options} && exec "$@"'
    isolated = ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, "sh", *command]
    return subprocess.run(isolated, cwd=cwd, capture_output=True, text=True, check=False, env={**os.environ})


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


def test_a_python_without_the_packages_hands_over_or_says_what_to_run(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    for room in ("scripts", "tuning", "export"):
        shutil.copytree(ROOT / room, checkout / room)
    bare = [sys.executable, "-E", "-S", str(checkout / "scripts" / "tune.py"), "--dataset", "digits"]

    alone = subprocess.run(bare, cwd=tmp_path, capture_output=True, text=True, check=False)
    fake = checkout / ".venv" / "bin" / "python"
    fake.parent.mkdir(parents=True)
    fake.write_text('#!/bin/sh\necho "handed over: $@"\n')
    fake.chmod(0o755)
    handed = subprocess.run(bare, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert_refused(alone, "can't be imported by", f"run {checkout}/scripts/setup")
    assert handed.stdout == f"handed over: {checkout}/scripts/tune.py --dataset digits\n"


def test_an_error_of_our_own_keeps_its_traceback_in_a_file(tmp_path: Path) -> None:
    program = f"""
import sys; sys.path.insert(0, {str(ROOT / "scripts")!r}); sys.argv = ["broken.py"]
import _entry
def run(arguments): raise RuntimeError("unforeseen")
_entry.main(_entry.parser("test"), run, requires=[])
"""

    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 70
    named = Path(done.stderr.strip().rpartition(" ")[2])
    assert "RuntimeError: unforeseen" in named.read_text()
    named.unlink()
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "part"), [(["--nope"], "unknown option --nope"), ([], "is another version: install one")]
)
def test_setup_refuses_in_one_sentence(arguments: list[str], part: str) -> None:
    command = [str(ROOT / "scripts/setup"), *arguments]

    done = subprocess.run(command, env={**os.environ, "PYTHON": "false"}, capture_output=True, text=True, check=False)

    assert_refused(done, part)


def test_bench_lists_its_measurements() -> None:
    done = subprocess.run([str(ROOT / "scripts/bench")], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "baselines default_run" in done.stderr
