"""The scripts as a user calls them: exit codes, messages, hand-over, and the whole path on the embedded digits."""

from __future__ import annotations

import json
import os
import shlex
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

from tuning.checkpoint import SECONDS_APART

ROOT = Path(__file__).resolve().parent.parent
PYTHON_SCRIPTS = ("tune.py", "train.py", "export.py", "verify.py", "benchmark.py", "predict.py")
FRAMEWORKS = ("numpy", "tensorflow", "keras", "keras_tuner", "onnxruntime", "rich")
HERE = ("--workers", 0, "--repeats", 0)
QUICK = ("--dataset", "digits", "--max-trials", 1, "--epochs", 1, "--budget", "1s", *HERE)

GUIDE = ("--model", f"{ROOT}/tests/examples/guides.py:build_model", "--pixel-scale", "unit")
"""A model that is quickly traced and trained."""

Script = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize("name", PYTHON_SCRIPTS)
def test_help_loads_no_framework(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", str(ROOT / "scripts" / name), "--help"]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)

    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert loaded & set(FRAMEWORKS) == set()
    assert "usage:" in done.stdout


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
            model={"source": None, "pixel_scale": [1 / 255, 0.0], "kind": "classifier"},
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
    scale = {"source": None, "pixel_scale": [1 / 255, 0.0], "kind": "classifier"}
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_finished_run_that_asks_for_nothing_more_says_so_and_is_not_touched(script: Script, runs: Path) -> None:
    before = (runs / "first" / "model.keras").read_bytes()

    done = script("tune.py", "--run", "first", "--resume", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["test"]["looks"] == 1
    assert "nothing more to do" in done.stderr
    assert (runs / "first" / "model.keras").read_bytes() == before


def _edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.slow
def test_a_search_that_ended_for_want_of_time_stays_ended(script: Script, runs: Path) -> None:
    def end_by_budget(record: dict[str, Any]) -> None:
        record["config"].update(
            max_trials=5, budget="10m", searched={"max_trials": 5, "budget": "10m", "stopped_by": "budget"}
        )

    _edit(runs / "first" / "run.json", end_by_budget)
    before = (runs / "first" / "trials.jsonl").read_bytes()

    done = script("tune.py", "--run", "first", "--resume")

    assert done.returncode == 0, done.stderr
    assert "the search is over, with 1 trial on record" in done.stdout
    assert "look 1 at the test set" in done.stdout
    assert (runs / "first" / "trials.jsonl").read_bytes() == before


@pytest.mark.slow
def test_an_extension_that_was_cut_off_goes_on(script: Script, runs: Path) -> None:
    _edit(runs / "first" / "run.json", lambda record: record["config"].update(max_trials=2, budget="none"))

    done = script("tune.py", "--run", "first", "--resume", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["trials"] == 2


@pytest.mark.slow
def test_each_command_that_is_said_to_come_next_works(script: Script, tmp_path: Path) -> None:
    Image.fromarray(np.pad(np.full((20, 4), 255, np.uint8), ((4, 4), (12, 12)))).save(tmp_path / "PICTURE.png")
    done = script(
        "train.py", "--dataset", "digits", "--baseline", "simple-28", "--epochs", 1, "--runs", "my [old] runs"
    )
    called = []

    for _ in range(4):
        assert done.returncode == 0, done.stderr
        *_, last = done.stdout.splitlines()
        words = shlex.split(last.removeprefix("next: "))
        called.append(Path(words[1]).name)
        done = subprocess.run([sys.executable, *words[1:]], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert called == ["export.py", "verify.py", "predict.py", "verify.py"]


@pytest.mark.slow
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
    assert f"continue with python {ROOT}/scripts/tune.py --run stopped --resume" in errors
    assert "Traceback" not in errors


@pytest.mark.slow
def test_a_killed_search_goes_on_to_the_result_of_an_uninterrupted_one(script: Script, tmp_path: Path) -> None:
    options = ["--dataset", "digits", *map(str, GUIDE), "--epochs", "1", "--max-trials", "3", "--workers", "1"]
    options += ["--finalists", "2", "--repeats", "1"]
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
    assert after == {**before, "run": "runs/killed"}


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

    assert alone.returncode == 2
    assert len(alone.stderr.strip().splitlines()) == 1
    assert alone.stderr.strip().endswith(f"run {checkout}/scripts/setup")
    assert handed.stdout == f"handed over: {checkout}/scripts/tune.py --dataset digits\n"


def test_ctrl_c_inside_a_finalizer_is_not_lost(tmp_path: Path) -> None:
    program = f"""
import signal, sys, time; sys.path.insert(0, {str(ROOT / "scripts")!r}); sys.argv = ["busy.py"]
import _entry
class Finalized:
    def __del__(self): signal.raise_signal(signal.SIGINT)
def run(arguments):
    Finalized()
    time.sleep(60)
_entry.main(_entry.parser("test"), run, requires=[])
"""

    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 130
    assert done.stderr == "\ninterrupted: nothing was changed\n"


@pytest.mark.slow
def test_a_search_whose_every_trial_fails_is_a_no_with_the_reasons(tmp_path: Path) -> None:
    program = f"""
import runpy, sys; sys.path.insert(0, {str(ROOT)!r})
import tuning.executors.attempt
def fail(*arguments, **options): raise RuntimeError("no room on [/job:localhost/device:GPU:0]")
tuning.executors.attempt.train = fail
options = ["--dataset", "digits", "--run", "bad", "--workers", "0"]
sys.argv = [{str(ROOT / "scripts/tune.py")!r}, *options, *sys.argv[1:]]
sys.path.insert(0, {str(ROOT / "scripts")!r})
runpy.run_path(sys.argv[0], run_name="__main__")
"""

    for arguments in (["--max-trials", "2"], ["--resume"]):
        command = [sys.executable, "-c", program, *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

        assert done.returncode == 1, done.stderr
        assert "every trial failed: RuntimeError: no room on [/job:localhost/device:GPU:0]" in done.stdout
        assert json.loads((tmp_path / "runs/bad/run.json").read_text())["status"] == "failed"


@pytest.mark.slow
def test_a_search_of_models_that_are_all_too_large_is_a_no_and_says_how_large_they_are(script: Script) -> None:
    done = script("tune.py", *QUICK, "--max-parameters", 5)

    assert done.returncode == 1, done.stderr
    assert "search ended after 1 trial: the time is used up" in done.stdout
    assert "every model was too large: the smallest one had 57114 parameters" in done.stdout


@pytest.mark.slow
def test_a_search_of_small_models_skips_the_others_and_writes_logs_for_tensorboard(
    script: Script, tmp_path: Path
) -> None:
    allowed = ("--dataset", "digits", "--max-trials", 2, "--epochs", 1, "--max-parameters", 60_000, *HERE)

    done = script("tune.py", *allowed, *GUIDE, "--tensorboard", "--trial-timeout", "5m", "--run", "small")

    assert done.returncode == 0, done.stderr
    run = tmp_path / "runs" / "small"
    record = json.loads((run / "run.json").read_text())
    assert record["winner"]["parameters"] <= 60_000
    assert "parameters, more than 60000" in done.stdout
    assert [path.parent.name for path in run.glob("tensorboard/**/events.*")] != []


@pytest.mark.slow
def test_the_best_are_trained_again_by_several_workers_and_the_run_says_what_that_told(
    script: Script, tmp_path: Path
) -> None:
    options = ("--dataset", "digits", "--max-trials", 3, "--epochs", 1, *GUIDE, "--run", "repeated")

    done = script("tune.py", *options, "--finalists", 2, "--repeats", 1, "--workers", 2)

    assert done.returncode == 0, done.stderr
    run = tmp_path / "runs" / "repeated"
    record = json.loads((run / "run.json").read_text())
    assert record["selection"]["winner"] == record["winner"]["trial_id"]
    assert [len(each["repeats"]) for each in record["selection"]["finalists"]] == [1, 1]
    assert len((run / "trials.csv").read_text().splitlines()) == 1 + 3
    assert "chosen by 2 trainings with other seeds" in done.stdout
    assert not (run / ".work").exists()


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_folder_of_pictures_goes_the_whole_way_and_stays_the_same_data(
    script: Script, picture_folder: Path, tmp_path: Path
) -> None:
    (picture_folder / "circle" / "bad.png").write_bytes(b"")
    options = ("--data", "shapes", "--image-size", "16x14", "--seed", 3, *QUICK[2:])

    tuned = script("tune.py", "--run", "own", "--skip-corrupt", *options, "--json")
    shutil.rmtree(tmp_path / "runs" / ".images")
    resumed = script("tune.py", "--run", "own", "--resume", "--data", "shapes", "--json")
    exported = script("export.py", "--run", "own", "--format", "onnx", "--json")
    answered = script("predict.py", "shapes/square/0.png")

    assert tuned.returncode == resumed.returncode == 0, tuned.stderr + resumed.stderr
    assert "left out because it can't be read: circle/bad.png holds no bytes" in tuned.stderr
    assert "14 training, 2 validation and 4 test images of 16×14×3, 2 classes" in resumed.stderr
    described = json.loads((tmp_path / "runs/own/run.json").read_text(encoding="utf-8"))["dataset"]
    assert (described["class_names"], described["skipped"]) == (["circle", "square"], ["circle/bad.png holds no bytes"])
    assert exported.returncode == 0, exported.stderr
    assert json.loads(exported.stdout)["passed"] is True
    assert any(name in answered.stdout for name in ("circle", "square"))


@pytest.mark.slow
def test_given_validation_images_are_validated_with(
    script: Script, arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    given = {**arrays, "x_validation": 255 - arrays["x_test"], "y_validation": arrays["y_test"]}
    np.savez(tmp_path / "given.npz", **given)

    done = script("train.py", "--data", "given.npz", "--set", "num_blocks=1", "--epochs", 1, "--run", "own")
    refused = script("train.py", "--run", "own", "--resume", "--skip-corrupt")

    assert done.returncode == 0, done.stderr
    assert "40 training, 20 validation and 20 test images of 8×8×1, 4 classes" in done.stdout
    described = json.loads((tmp_path / "runs/own/run.json").read_text(encoding="utf-8"))["dataset"]
    assert (described["train"], described["validation"]) == (40, 20)
    assert refused.returncode == 2
    assert "leave out --skip-corrupt" in refused.stderr
