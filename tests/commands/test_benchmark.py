"""`benchmark.py` as a user calls it: everything side by side, and what is missing said."""

from __future__ import annotations

import csv
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

import keras
import psutil
import pytest

from export._publish import publish
from export.artifact import Subject
from export.formats.targets import choose_targets
from export.publishing.request import ExportRequest

ROOT = Path(__file__).resolve().parent.parent.parent

Script = Callable[..., subprocess.CompletedProcess[str]]
QUICK = ("--repeats", 3)


@pytest.fixture(scope="module")
def exported_once(digits: Any, model_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    shutil.copy(model_file, folder / "mine.keras")
    request = ExportRequest(
        model=folder / "mine.keras",
        folder=folder / "mine_artifacts",
        subject=Subject(class_names=digits.class_names, dataset=digits.name, dataset_digest=digits.digest),
        targets=choose_targets(["onnx", "tflite"], []),
    )
    test = digits.test.for_verification()
    assert publish(request, test.read(), test.labels).passed
    return folder


@pytest.fixture
def exported(exported_once: Path, tmp_path: Path) -> Path:
    """The ONNX and TFLite files of a small model, beside its Keras file."""
    shutil.copytree(exported_once, tmp_path, dirs_exist_ok=True)
    return tmp_path / "mine_artifacts"


@pytest.mark.slow
def test_a_run_is_measured_and_stays_verified(script: Script, runs: Path) -> None:
    done = script("benchmark.py", *QUICK)
    verified = script("verify.py", "--format", "onnx")

    assert done.returncode == 0, done.stderr
    folder = runs / "first" / "artifacts"
    names = ["saved_model", "model.tflite", "model.export litert", "model.onnx", "model.export onnx"]
    names += ["model.predict"]
    content = json.loads((folder / "benchmark.json").read_text(encoding="utf-8"))
    assert {result["name"]: result["failure"] for result in content["results"]} == dict.fromkeys(names, "")
    rows = list(csv.DictReader((folder / "benchmark.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["name"], row["batch"]) for row in rows] == [(name, n) for name in names for n in ("1", "32", "256")]
    assert [comparison["name"] for comparison in content["comparisons"]] == ["model.tflite", "model.onnx"]
    assert all(name in done.stdout for name in names)
    assert done.stdout.splitlines()[-1].startswith("next: python ")
    assert verified.returncode == 0, verified.stderr


@pytest.mark.exhaustive
def test_any_model_s_files_are_measured_with_it_and_choices_are_kept(script: Script, exported: Path) -> None:
    done = script("benchmark.py", "mine_artifacts", "--format", "onnx", "--variant", "float32", "--json", *QUICK)

    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert [found["name"] for found in result["results"]] == ["model.onnx", "model.export onnx", "model.predict"]
    assert [found["failure"] for found in result["results"]] == ["", "", ""]
    assert result["threads"] == 1
    assert result["notes"] == []
    assert "rounds_ns" not in done.stdout
    assert "rounds_ns" in (exported / "benchmark.json").read_text(encoding="utf-8")


@pytest.mark.exhaustive
def test_a_wrapped_file_is_told_to_do_more_than_keras_s(script: Script, tmp_path: Path) -> None:
    image = keras.Input((28, 28))
    logits = keras.layers.Dense(10)(keras.layers.Flatten()(image))
    keras.Model(image, logits).save(tmp_path / "mine.keras")
    exported = script(
        "export.py", "--model", "mine.keras", "--dataset", "digits", "--format", "onnx", "--pixel-scale", "unit"
    )
    done = script("benchmark.py", "mine_artifacts", "--json", *QUICK)

    assert exported.returncode == 0, exported.stderr
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert {found["label_flips"] for found in result["results"]} == {0}
    assert "the published files also do the preprocessing and postprocessing" in result["notes"][0]


@pytest.mark.exhaustive
def test_without_its_model_a_folder_is_measured_all_the_same(
    script: Script, exported: Path, tmp_path: Path, model_file: Path
) -> None:
    (tmp_path / "mine.keras").unlink()

    alone = script("benchmark.py", "mine_artifacts", "--format", "onnx", *QUICK, COLUMNS="100")
    named = script("benchmark.py", "mine_artifacts", "--format", "onnx", "--model", "none.keras")

    assert alone.returncode == 0, alone.stderr
    said = " ".join(alone.stdout.split())
    assert "does not hold the Keras model that the files were made of, so name it with --model" in said
    assert named.returncode == 2
    assert "there is no none.keras: name the Keras file with --model" in named.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--run", "first", "somewhere"), "give a folder or --run, not both"),
        (("--repeats", "2"), "--repeats must be 3 or more, got 2"),
        (("--threads", "0"), "--threads must be 1 or more, got 0"),
        (("--format", "web"), "unknown format web: choose among saved_model, tflite, onnx, openvino and all"),
        (("nowhere",), f"export a model there first with python {ROOT}/scripts/export.py"),
    ],
)
def test_what_can_t_be_measured_is_refused_in_one_sentence(
    script: Script, runs: Path, words: tuple[str, ...], sentence: str
) -> None:
    done = script("benchmark.py", *words)

    assert done.returncode == 2, done.stderr
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_a_changed_file_is_not_measured(script: Script, exported: Path) -> None:
    (exported / "model.onnx").write_bytes(b"changed")

    done = script("benchmark.py", "mine_artifacts")

    assert done.returncode == 1
    assert "model.onnx was changed since it was published" in done.stderr
    assert not (exported / "benchmark.json").exists()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_leaves_neither_processes_nor_files(exported: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "benchmark.py"), str(exported), "--format", "onnx"]
    environment = {**os.environ, "TMPDIR": str(tmp_path / "temporary")}
    (tmp_path / "temporary").mkdir()
    started = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    children: list[psutil.Process] = []
    deadline = time.monotonic() + 120
    while not children and time.monotonic() < deadline:
        time.sleep(0.1)
        children = psutil.Process(started.pid).children()

    started.send_signal(signal.SIGINT)
    _, said = started.communicate(timeout=300)

    assert started.returncode == 130, said
    assert said.strip() == "interrupted: nothing was changed"
    assert children != []
    assert [child for child in children if child.is_running()] == []
    assert list((tmp_path / "temporary").iterdir()) == []
    assert not (exported / "benchmark.json").exists()
