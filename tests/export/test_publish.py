"""The gate: all that was asked for is published and proved, or nothing is, and the folder is as it was."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from export._publish import publish
from export.apart.limits import USUAL
from export.apart.process import end_all, process_for
from export.artifact import Format, digest_file
from export.comparison.parity import stability_radius
from export.errors import InputError, VerificationError
from export.folder.look import measure_look
from export.folder.manifest import read_manifest
from export.formats.format import facts, offered_formats
from export.formats.targets import choose_targets
from export.formats.writer import WriteOptions, write
from export.verification import verify_folder

FAULTS = ["one channel × 1.01", "float16 weights", "dense layer × 1.001"]
STEPS = [
    "asking the model",
    "writing saved_model",
    "writing model.tflite",
    "writing model.onnx",
    "writing openvino",
    "verifying saved_model",
    "verifying model.tflite",
    "verifying model.onnx",
    "verifying openvino",
    "planting faults in saved_model",
    "planting faults in model.tflite",
    "planting faults in model.onnx",
    "planting faults in openvino",
]
ROOT = Path(__file__).resolve().parents[2]
HOLD_LOCK = """
import pathlib, sys
from export.folder.install import lock_folder
with lock_folder(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
INSTALL_AND_DIE = """
import os, pathlib, signal, sys
from export.folder.install import install
left = iter(range(int(sys.argv[1])))
def die(event, arguments):
    event == "os.rename" and next(left, None) is None and os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(die)
install(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
"""


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    """Where to publish: a folder that is not there yet, in an empty one."""
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "artifacts"


@pytest.fixture
def holder(artifacts: Path) -> Iterator[None]:
    """Another process that holds the lock of `artifacts`."""
    command = [sys.executable, "-c", HOLD_LOCK, str(artifacts)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield
        process.kill()


def visible(folder: Path) -> list[str]:
    """What lies in a folder but lock files, which stay so that two processes never lock different ones."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def reseal(folder: Path, name: str) -> None:
    """Make the manifest say that the file `name` is as it should be."""
    path = folder / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    for files in (content["files"], *(artifact["files"] for artifact in content["artifacts"])):
        files.update({known: digest_file(folder / known) for known in files if known == name})
    path.write_text(json.dumps(content), encoding="utf-8")


def test_everything_is_published(published: Path) -> None:
    assert visible(published.parent) == ["artifacts"]
    assert visible(published) == [
        "manifest.json",
        "model.onnx",
        "model.tflite",
        *(kind for kind in offered_formats() if kind is Format.OPENVINO),
        "parity.json",
        "reference.npz",
        "saved_model",
    ]


def test_the_manifest_names_every_file_with_its_digest(published: Path, snapshot: Callable[..., Any]) -> None:
    manifest = read_manifest(published)

    assert manifest.digests == {
        path: digest_file(published / path) for path in snapshot(published) if path != "manifest.json"
    }
    assert [artifact.target.format for artifact in manifest.artifacts] == list(offered_formats())


def test_the_manifest_holds_what_a_user_needs(
    published: Path, model_file: Path, describe: Callable[..., Any], examples: Any
) -> None:
    manifest = read_manifest(published)

    assert dataclasses.replace(manifest.description, stability_radius=None) == describe(model_file)
    assert manifest.look == measure_look(examples[0])
    usual = {"python", "tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime", "ai-edge-litert", "numpy"}
    assert set(manifest.versions) == usual | {name for kind in offered_formats() for name in facts(kind).recorded}
    assert manifest.versions["keras"] == keras.__version__


def test_the_manifest_states_each_artifact_as_the_contract_says(published: Path) -> None:
    content = json.loads((published / "manifest.json").read_text(encoding="utf-8"))

    opsets = [17 if facts(kind).has_opset else None for kind in offered_formats()]
    assert [artifact["opset"] for artifact in content["artifacts"]] == opsets
    for artifact in content["artifacts"]:
        assert {"format", "variant", "file", "files", "size_bytes"} <= set(artifact)
        assert artifact["inputs"] == [{"name": "image", "dtype": "uint8", "shape": [None, 28, 28, 1]}]
        assert artifact["outputs"] == [{"name": "probabilities", "dtype": "float32", "shape": [None, 10]}]


def test_the_parity_file_holds_what_the_contract_says(
    published: Path, examples: Any, keras_answers: Callable[..., np.ndarray]
) -> None:
    content = json.loads((published / "parity.json").read_text(encoding="utf-8"))

    assert (content["examples"], content["passed"]) == (300, True)
    assert content["stability_radius"] == pytest.approx(stability_radius(keras_answers(examples[0])), abs=1e-5)
    assert [result["file"] for result in content["results"]] == [
        target.file for target in choose_targets(offered_formats(), [])
    ]
    accuracy = float((keras_answers(examples[0]).argmax(axis=1) == examples[1]).mean())
    for result, artifact in zip(content["results"], read_manifest(published).artifacts, strict=True):
        assert {"format", "variant", "max_abs_error", "tolerance", "explained_flips"} <= set(result)
        assert result["sha256"] == artifact.files
        assert result["max_abs_error"] <= 1e-5
        assert (result["label_flips"], result["agreement"], result["passed"]) == (0, 1.0, True)
        assert (result["accuracy"], result["reference_accuracy"]) == (accuracy, accuracy)


def test_the_reference_holds_the_questions_and_every_answer(
    published: Path, examples: Any, keras_answers: Callable[..., np.ndarray]
) -> None:
    with np.load(published / "reference.npz", allow_pickle=False) as archive:
        arrays = dict(archive)

    assert set(arrays) == {
        *("images", "labels", "probabilities", *(target.file for target in choose_targets(offered_formats(), []))),
        *("stress_inputs/image", "stress_outputs/probabilities"),
        *("layers/facts", "layers/positions", "layers/values"),
    }
    np.testing.assert_array_equal(arrays["images"], examples[0])
    np.testing.assert_array_equal(arrays["labels"], examples[1])
    for name in ("probabilities", "saved_model", "model.tflite", "model.onnx"):
        np.testing.assert_allclose(arrays[name], keras_answers(examples[0]), rtol=0, atol=1e-5)


@pytest.mark.slow
def test_each_step_is_told_in_order(request_for: Callable[..., Any], artifacts: Path, examples: Any) -> None:
    told: list[str] = []

    publish(request_for(artifacts), *examples, on_step=told.append)

    assert told == STEPS


@pytest.mark.slow
def test_a_format_published_later_joins_the_earlier_ones(
    request_for: Callable[..., Any], artifacts: Path, examples: Any, snapshot: Callable[..., Any]
) -> None:
    publish(request_for(artifacts, "onnx", opset=13), *examples)
    earlier = snapshot(artifacts)

    verification = publish(request_for(artifacts, "tflite"), *examples)

    manifest = read_manifest(artifacts)
    assert [artifact.target.file for artifact in manifest.artifacts] == ["model.onnx", "model.tflite"]
    assert [artifact.opset for artifact in manifest.artifacts] == [13, None]
    assert len(verification.parities) == 2
    assert (artifacts / "model.onnx").read_bytes() == earlier["model.onnx"]
    assert verify_folder(artifacts, formats=list(Format)).passed


@pytest.mark.slow
def test_a_format_published_again_replaces_itself(
    request_for: Callable[..., Any], artifacts: Path, examples: Any
) -> None:
    publish(request_for(artifacts, "onnx", opset=13), *examples)

    publish(request_for(artifacts, "onnx", opset=18), *examples)

    assert [artifact.opset for artifact in read_manifest(artifacts).artifacts] == [18]
    assert verify_folder(artifacts, formats=[Format.ONNX]).passed


def test_a_kept_file_that_was_changed_is_refused(
    published_copy: Path, request_for: Callable[..., Any], examples: Any, snapshot: Callable[..., Any]
) -> None:
    content = bytearray((published_copy / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (published_copy / "model.onnx").write_bytes(content)
    before = snapshot(published_copy)

    with pytest.raises(VerificationError, match=re.escape(f"{published_copy / 'model.onnx'} was changed")):
        publish(request_for(published_copy, "tflite"), *examples)

    assert snapshot(published_copy) == before
    assert visible(published_copy.parent) == ["artifacts"]


@pytest.mark.slow
def test_a_kept_file_is_verified_again(
    published_copy: Path,
    request_for: Callable[..., Any],
    examples: Any,
    plant_fault: Callable[[str], Any],
    describe: Callable[..., Any],
    model_file: Path,
    snapshot: Callable[..., Any],
) -> None:
    (target,) = request_for(published_copy, "onnx").targets
    write(
        plant_fault(FAULTS[0]),
        published_copy,
        WriteOptions(target=target, description=describe(model_file), opset=17),
    )
    reseal(published_copy, "model.onnx")
    before = snapshot(published_copy)

    verification = publish(request_for(published_copy, "tflite"), *examples)

    results = verification.record.results
    assert {result.format for result in results if not result.passed} == {Format.ONNX}
    assert len(results) == len(offered_formats())
    assert not verification.passed
    assert snapshot(published_copy) == before


def test_formats_of_another_model_are_not_kept(
    published_copy: Path,
    request_for: Callable[..., Any],
    save_layers: Callable[..., Path],
    examples: Any,
    snapshot: Callable[..., Any],
) -> None:
    before = snapshot(published_copy)

    with pytest.raises(
        InputError, match=r"holds saved_model, model\.onnx, openvino of another model: export those formats too"
    ):
        publish(request_for(published_copy, "tflite", model=save_layers()), *examples)

    assert snapshot(published_copy) == before


@pytest.mark.slow
def test_all_formats_of_another_model_replace_those_there(
    published_copy: Path,
    request_for: Callable[..., Any],
    save_layers: Callable[..., Path],
    describe: Callable[..., Any],
    examples: Any,
) -> None:
    model = save_layers(keras.layers.AveragePooling2D(4))

    verification = publish(request_for(published_copy, model=model), *examples)

    assert verification.passed
    found = read_manifest(published_copy).description
    assert dataclasses.replace(found, stability_radius=None) == describe(model)
    assert verify_folder(published_copy, formats=list(Format)).passed


@pytest.mark.parametrize("kind", ["tflite", "onnx"])
def test_a_file_is_verified_without_another_framework(
    kind: str,
    request_for: Callable[..., Any],
    artifacts: Path,
    examples: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded = "import sys\ndef frameworks(): return sorted({'keras', 'tensorflow', 'tf2onnx'} & set(sys.modules))"
    (tmp_path / "double_of_loaded.py").write_text(loaded, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    end_all()

    publish(request_for(artifacts, kind), *examples)

    process = process_for(Format(kind))
    assert process.files == 1
    assert process.call("double_of_loaded:frameworks", file=artifacts, limits=USUAL) == []
    end_all()


def test_an_empty_folder_is_filled(request_for: Callable[..., Any], artifacts: Path, examples: Any) -> None:
    artifacts.mkdir()

    assert publish(request_for(artifacts, "onnx"), *examples).passed


def test_the_current_folder_can_be_published_to(
    request_for: Callable[..., Any], artifacts: Path, examples: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifacts.mkdir()
    monkeypatch.chdir(artifacts)

    assert publish(request_for(Path(), "onnx"), *examples).passed
    assert (artifacts / "model.onnx").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "error"), [*((step, RuntimeError) for step in STEPS[::2]), (STEPS[3], KeyboardInterrupt)]
)
def test_an_exception_midway_leaves_the_folder_as_it_was(
    request_for: Callable[..., Any],
    published_copy: Path,
    examples: Any,
    snapshot: Callable[..., Any],
    step: str,
    error: type[BaseException],
) -> None:
    before = snapshot(published_copy)
    stop = iter([None] * STEPS.index(step))

    def fail_at_step(told: str) -> None:
        next(stop, told) is told and (_ for _ in ()).throw(error(told))

    with pytest.raises(error, match=step):
        publish(request_for(published_copy), *examples, on_step=fail_at_step)

    assert snapshot(published_copy) == before
    assert visible(published_copy.parent) == ["artifacts"]


def test_a_folder_that_another_process_writes_to_is_refused(
    request_for: Callable[..., Any], artifacts: Path, examples: Any, holder: None
) -> None:
    with pytest.raises(InputError, match="artifacts is being written by another process: wait for it or stop it"):
        publish(request_for(artifacts, "onnx"), *examples)

    assert visible(artifacts.parent) == []


@pytest.mark.slow
@pytest.mark.parametrize("moves", [1, 4, 6])
def test_publishing_after_a_killed_first_publication_completes_it(
    request_for: Callable[..., Any],
    published: Path,
    artifacts: Path,
    examples: Any,
    child: Callable[..., subprocess.CompletedProcess[str]],
    moves: int,
) -> None:
    staged = shutil.copytree(published, artifacts.with_name(".artifacts.staged"))
    killed = child(INSTALL_AND_DIE, moves, staged, artifacts)

    verification = publish(request_for(artifacts, "onnx"), *examples)

    assert killed.returncode == -signal.SIGKILL
    assert verification.passed
    assert len(read_manifest(artifacts).artifacts) == len(offered_formats())
    assert visible(artifacts.parent) == ["artifacts"]


def test_the_versions_that_decide_what_is_written_are_recorded(published: Path) -> None:
    versions = read_manifest(published).versions

    assert versions["numpy"] == np.__version__
    assert {name for kind in offered_formats() for name in facts(kind).recorded} <= set(versions)


def test_the_reference_can_be_read_without_pickle(published: Path) -> None:
    archive = np.load(io.BytesIO((published / "reference.npz").read_bytes()), allow_pickle=False)

    assert {archive[name].dtype.name for name in archive.files} == {"uint8", "int32", "int64", "float32"}
