"""The benches of faults and exports: their yardstick is right, faults are planted and told, results are kept."""

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

from export.artifact import Format
from scripts.benches.planted_faults.yardstick import ASK, BROKEN, distance

ROOT = Path(__file__).resolve().parents[3]
TOLERANCE = {"probability": 1e-5, "logit": 1e-5, "flips": 0}
FILES = {"onnx": "model.onnx", "tflite": "model.tflite", "saved_model": "saved_model"}


@pytest.fixture(scope="session")
def artifacts(finished: Path) -> Path:
    """The published folder of a finished run. Not to be changed: copy it."""
    return finished / "first" / "artifacts"


@pytest.fixture
def artifacts_copy(artifacts: Path, tmp_path: Path) -> Path:
    return shutil.copytree(artifacts, tmp_path / "artifacts")


def shifted(reference: Path, target: Path, change: Callable[[np.ndarray], np.ndarray]) -> Path:
    """The reference with other answers of the Keras model."""
    with np.load(reference) as archive:
        arrays = dict(archive)
    arrays["probabilities"] = change(arrays["probabilities"])
    np.savez(target, **arrays)
    return target


def test_the_yardstick_asks_files_of_every_format() -> None:
    assert set(ASK) == set(Format)


@pytest.mark.slow
def test_faults_in_a_file_of_openvino_are_measured_by_what_it_answers(tmp_path: Path) -> None:
    from export.formats.targets import choose_targets
    from scripts.benches.planted_faults.planting import plant_all, publish_model

    folder = tmp_path / "artifacts"
    publish_model("dense", folder, choose_targets(["openvino"], []))

    found = list(plant_all(folder, range(8)))

    assert distance("openvino", folder / "openvino", folder / "reference.npz", TOLERANCE).difference < 1e-5
    assert sum(result["difference"] is not None for result in found) > 4
    assert [result for result in found if result["above"] and not result["seen"]] == []


@pytest.mark.parametrize("kind", FILES)
def test_a_correct_file_is_within_the_limit(artifacts: Path, kind: str) -> None:
    found = distance(kind, artifacts / FILES[kind], artifacts / "reference.npz", TOLERANCE)

    assert not found.above
    assert found.difference < 1e-5


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("size", [1e-6, 1e-4])
def test_the_yardstick_measures_as_the_verification_does(
    artifacts: Path, tmp_path: Path, kind: str, size: float
) -> None:
    from export.comparison.parity import compare
    from export.comparison.tolerance import Tolerance

    reference = shifted(artifacts / "reference.npz", tmp_path / "r.npz", lambda rows: rows * np.float32(1 - size))
    with np.load(reference) as archive:
        answers = np.asarray(ASK[kind](artifacts / FILES[kind], archive["images"]))
        parity = compare(archive["probabilities"], answers, archive["labels"], tolerance=Tolerance())

    found = distance(kind, artifacts / FILES[kind], reference, TOLERANCE)

    assert found.difference == pytest.approx(parity.max_abs_error)
    assert found.above is not parity.passed


def test_a_changed_label_is_above_the_limit(artifacts: Path, tmp_path: Path) -> None:
    wide = {"probability": 2.0, "logit": 1e9, "flips": 0}
    reference = shifted(artifacts / "reference.npz", tmp_path / "r.npz", lambda rows: np.roll(rows, 1, axis=1))

    found = distance("onnx", artifacts / "model.onnx", reference, wide)

    assert found.times_limit < 1
    assert found.flips > 0
    assert found.above
    assert not distance("onnx", artifacts / "model.onnx", reference, {**wide, "flips": 10_000}).above


def test_a_variant_of_fewer_bits_is_measured_by_its_own_rules(artifacts: Path, tmp_path: Path) -> None:
    coarse = {"probability": 0.6, "logit": None, "flips": None}
    reference = shifted(artifacts / "reference.npz", tmp_path / "r.npz", lambda rows: np.roll(rows, 1, axis=1) / 2)

    found = distance("onnx", artifacts / "model.onnx", reference, coarse)

    # No two probabilities of halved rows lie further apart than 0.5, so every changed label is explained.
    assert found.flips == 0
    assert distance("onnx", artifacts / "model.onnx", reference, {**coarse, "probability": 0.001}).flips > 0
    assert not distance("onnx", artifacts / "model.onnx", reference, {**coarse, "probability": 1.0}).above


@pytest.mark.parametrize("kind", ["onnx", "tflite"])
def test_a_file_that_does_not_run_is_above_any_limit(artifacts_copy: Path, kind: str) -> None:
    path = artifacts_copy / FILES[kind]
    path.write_bytes(path.read_bytes()[:300])

    assert distance(kind, path, artifacts_copy / "reference.npz", TOLERANCE) == BROKEN
    assert BROKEN.above


def test_a_file_that_answers_nan_is_above_any_limit(artifacts_copy: Path) -> None:
    from export.artifact import Format
    from export.formats.weights import read_weights, write_weights

    weights = read_weights(Format.ONNX, artifacts_copy / "model.onnx")
    name = list(weights)[-1]
    write_weights(Format.ONNX, artifacts_copy / "model.onnx", {name: np.full_like(weights[name].values, np.nan)})

    assert distance("onnx", artifacts_copy / "model.onnx", artifacts_copy / "reference.npz", TOLERANCE) == BROKEN


def test_planted_faults_are_seen_where_they_are_above_the_limit_and_leave_no_trace(artifacts_copy: Path) -> None:
    from export.artifact import digest_tree
    from scripts.benches.planted_faults.planting import change_of, plant_all

    before = {name: digest_tree(artifacts_copy, name) for name in FILES.values()}

    found = list(plant_all(artifacts_copy, range(12)))

    assert [result["seen"] for result in found] == [result["above"] for result in found]
    assert {result["above"] for result in found} == {True, False}
    assert {result["file"] for result in found} == set(FILES.values())
    assert [change_of(json.loads(json.dumps(result))).seed for result in found] == list(range(12))
    assert {name: digest_tree(artifacts_copy, name) for name in FILES.values()} == before
    assert [path.name for path in artifacts_copy.parent.iterdir()] == ["artifacts"]


@pytest.mark.slow
def test_the_same_model_is_trained_in_every_call(tmp_path: Path) -> None:
    import keras

    from scripts.benches.planted_faults.models import BODIES, EXAMPLES, train_model

    answers = []
    for number in range(2):
        images, labels = train_model("dense", tmp_path / f"{number}.keras")
        answers.append(np.asarray(keras.models.load_model(tmp_path / f"{number}.keras")(images)))

    np.testing.assert_array_equal(*answers)
    assert len(images) == len(labels) == EXAMPLES
    assert (answers[0].argmax(axis=1) == labels).mean() > 0.8
    assert len(BODIES) == 5


@pytest.mark.slow
def test_a_model_that_does_not_pass_is_not_planted_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from export.artifact import Variant
    from export.comparison.tolerance import TOLERANCES, Tolerance
    from export.formats.targets import choose_targets
    from scripts.benches.planted_faults.planting import publish_model

    monkeypatch.setitem(TOLERANCES, Variant.FLOAT32, Tolerance(probability=-1.0))

    with pytest.raises(RuntimeError, match="the model dense was not published: without a correct file there is"):
        publish_model("dense", tmp_path / "artifacts", choose_targets(["onnx"], []))


def bench(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "benches" / f"{name}.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


@pytest.mark.exhaustive
def test_the_bench_of_faults_keeps_its_results_and_goes_on_from_them(tmp_path: Path) -> None:
    options = ["--models", "dense", "--format", "onnx", "--jobs", 1, "--results", tmp_path / "results.jsonl"]

    first = bench("faults", "--faults", 3, *options)
    second = bench("faults", "--faults", 5, *options)

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    results = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [result["seed"] for result in results] == list(range(5))
    assert "3 in model.onnx" in first.stdout
    assert "5 in model.onnx" in second.stdout
    assert "missed: 0" in second.stdout


def test_a_missed_fault_makes_the_bench_fail(tmp_path: Path) -> None:
    change = {"kind": "noise", "weight": "kernel", "place": 0, "other": 0, "size": 0.1, "seed": 0}
    missed = {"model": "dense", "seed": 0, "file": "model.onnx", "change": change, "above": True, "seen": False}
    (tmp_path / "results.jsonl").write_text(json.dumps(missed) + "\n", encoding="utf-8")

    done = bench("faults", "--faults", 1, "--models", "dense", "--results", tmp_path / "results.jsonl")

    assert done.returncode == 1
    assert "above the limit: 1, missed: 1" in done.stdout


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("faults", ["--models", "dense,huge"], "unknown model huge: choose among plain, "),
        ("faults", ["--faults", "0"], "no faults"),
        ("exports", ["huge"], "unknown model huge: choose among Conv1D causal, "),
        ("exports", ["--repeats", "0"], "no exports"),
    ],
)
def test_a_bench_refuses_what_it_does_not_know(name: str, options: list[str], says: str) -> None:
    done = bench(name, *options)

    assert done.returncode == 2
    assert says in done.stderr


@pytest.mark.slow
def test_the_bench_of_faults_tells_why_a_model_can_not_be_had(tmp_path: Path) -> None:
    done = bench("faults", "--faults", 1, "--models", "dense", "--format", "paper")

    assert done.returncode != 0
    assert "the faults of dense could not be planted" in done.stderr
    assert "unknown format paper" in done.stderr


@pytest.mark.exhaustive
def test_the_bench_of_exports_counts_false_alarms(tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"

    done = bench("exports", "Dense on every pixel", "--repeats", 2, "--format", "onnx", "--results", results)

    assert done.returncode == 0, done.stderr
    assert "2 exports of 1 models, 2 files: 0 false alarms" in done.stdout
    assert len(results.read_text(encoding="utf-8").splitlines()) == 2


def test_a_false_alarm_makes_the_bench_fail(tmp_path: Path) -> None:
    alarm = {"name": "LSTM", "number": 0, "files": [], "alarm": "model.onnx did not pass"}
    (tmp_path / "results.jsonl").write_text(json.dumps(alarm) + "\n", encoding="utf-8")

    done = bench("exports", "LSTM", "--repeats", 1, "--results", tmp_path / "results.jsonl")

    assert done.returncode == 1
    assert "1 exports of 1 models, 0 files: 1 false alarms" in done.stdout


@pytest.mark.slow
def test_an_export_that_ends_its_process_is_an_alarm(tmp_path: Path) -> None:
    done: Any = bench("exports", "dense", "--repeats", 1, "--format", "paper", "--results", tmp_path / "r.jsonl")

    assert done.returncode == 1
    assert "its process ended: " in done.stdout
