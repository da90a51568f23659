"""tune.py as a user calls it: what ends a search, what goes on, and what a run says afterwards."""

from __future__ import annotations

import json
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
from PIL import Image

from tuning.loop.journal import Journal
from tuning.runs.run_folder import RunFolder

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = ("--workers", 0, "--repeats", 0)
QUICK = ("--dataset", "digits", "--max-trials", 1, "--epochs", 1, "--budget", "1s", *HERE)
GUIDE = ("--model", f"{ROOT}/scripts/examples/guides.py:build_model", "--pixel-scale", "unit")
"""A model that is quickly traced and trained."""
Script = Callable[..., subprocess.CompletedProcess[str]]


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


@pytest.mark.slow
def test_a_search_whose_every_trial_fails_is_a_no_with_the_reasons(tmp_path: Path) -> None:
    program = f"""
import runpy, sys; sys.path.insert(0, {str(ROOT)!r})
import tuning.executors.task_run
def fail(*arguments, **options): raise RuntimeError("no room on [/job:localhost/device:GPU:0]")
tuning.executors.task_run.train = fail
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
def test_a_search_of_models_that_are_all_too_large_is_a_no_and_says_how_large_they_are(
    script: Script, tmp_path: Path
) -> None:
    done = script("tune.py", *QUICK, "--max-parameters", 5, "--run", "large")

    trials = Journal(RunFolder(path=tmp_path / "runs" / "large").journal).trials()
    smallest = min(trial.parameters for trial in trials)
    assert done.returncode == 1, done.stderr
    assert f"search ended after {len(trials)} trial" in done.stdout
    assert f"every model was too large: the smallest one had {smallest} parameters" in done.stdout


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


@pytest.mark.exhaustive
def test_the_best_are_trained_again_by_several_workers_and_the_run_says_what_that_told(
    script: Script, tmp_path: Path
) -> None:
    # Configurations so much alike that any may win.
    space = 'units = [448, 480, 512]\nactivation = "relu"\ndropout = false\nlr = {low = 0.003, high = 0.0031}\n'
    (tmp_path / "space.toml").write_text(space)
    options = ("--dataset", "digits", "--max-trials", 3, "--epochs", 1, *GUIDE, "--run", "repeated")

    done = script("tune.py", *options, "--space", "space.toml", "--finalists", 2, "--repeats", 1, "--workers", 2)

    assert done.returncode == 0, done.stderr
    run = tmp_path / "runs" / "repeated"
    record = json.loads((run / "run.json").read_text())
    assert record["selection"]["winner"] == record["winner"]["trial_id"]
    assert [len(each["repeats"]) for each in record["selection"]["finalists"]] == [1, 1]
    assert len((run / "trials.csv").read_text().splitlines()) == 1 + 3
    assert "chosen by 2 trainings with other seeds" in done.stdout
    assert not (run / ".work").exists()


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


@pytest.mark.exhaustive
def test_a_file_of_names_without_a_test_goes_the_whole_way_and_stays_the_same_data(
    script: Script, arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    names = np.array(["north", "east", "south", "west"])[arrays["y_train"]]
    np.savez(tmp_path / "wind.npz", images=arrays["x_train"], labels=names)
    Image.fromarray(arrays["x_train"][0]).save(tmp_path / "one.png")

    tuned = script("tune.py", "--data", "wind.npz", "--seed", 3, "--run", "own", *QUICK[2:])
    resumed = script("tune.py", "--run", "own", "--resume", "--data", "wind.npz")
    exported = script("export.py", "--run", "own", "--format", "onnx", "--json")
    answered = script("predict.py", "one.png", "--json")

    assert tuned.returncode == resumed.returncode == 0, tuned.stderr + resumed.stderr
    assert "28 training, 4 validation and 8 test images of 8×8×1, 4 classes" in resumed.stdout
    described = json.loads((tmp_path / "runs/own/run.json").read_text(encoding="utf-8"))["dataset"]
    assert (described["class_names"], described["arrays"]["seed"]) == (["east", "north", "south", "west"], 3)
    assert json.loads(exported.stdout)["passed"] is True
    assert json.loads(answered.stdout)["predictions"][0]["class"] in described["class_names"]


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
