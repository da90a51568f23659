"""Everything is measured in turns; what dies, hangs or is wrong says so, and the others go on."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from export.apart.limits import Limits
from export.artifact import INPUT_NAME, OUTPUT_NAME, Format
from export.benchmark.candidate import BATCHES, Exporter, KerasSource, choose_artifacts, export_candidate
from export.benchmark.measuring import BenchmarkPlan, measure
from export.benchmark.messages import Inputs, LoadRequest
from export.benchmark.session import Session, Settings
from export.comparison.reference import Reference
from export.errors import InputError, VerificationError
from export.folder.manifest import read_manifest
from export.formats.format import offered_formats
from export.formats.targets import choose_targets

QUICK = Settings(rounds=3, starts=1, batches=(1, 4))


def plan(folder: Path, *formats: str, keras_source: KerasSource | None = None) -> BenchmarkPlan:
    manifest = read_manifest(folder)
    artifacts = choose_artifacts(manifest, choose_targets(formats, ["all"], everything=offered_formats()))
    return BenchmarkPlan(folder=folder, manifest=manifest, artifacts=artifacts, keras=keras_source, notes=("a note",))


@pytest.fixture
def reference(examples: tuple[np.ndarray, np.ndarray], keras_answers: Callable[..., Any]) -> Reference:
    images, labels = examples
    return Reference(inputs={INPUT_NAME: images}, outputs={OUTPUT_NAME: keras_answers(images)}, labels=labels)


@pytest.fixture
def task(published: Path, tmp_path: Path, examples: tuple[np.ndarray, np.ndarray]) -> LoadRequest:
    """Our ONNX file."""
    np.save(tmp_path / "images.npy", examples[0])
    return LoadRequest(
        candidate=export_candidate(Format.ONNX, published / "model.onnx"),
        inputs=Inputs(names=(INPUT_NAME,), paths=(tmp_path / "images.npy",)),
        threads=1,
        batches=QUICK.batches,
    )


def test_a_file_is_measured(published: Path) -> None:
    steps: list[str] = []

    benchmark = measure(plan(published, "onnx"), QUICK, on_step=steps.append)

    (result,) = benchmark.results
    assert (result.name, result.failure, result.label_flips) == ("model.onnx", "", 0)
    assert result.accuracy == read_manifest(published).description.accuracy
    assert [latency.batch for latency in result.latency] == [1, 4]
    assert [len(latency.rounds_ns) for latency in result.latency] == [3, 3]
    assert result.sha256 == {"model.onnx": read_manifest(published).digests["model.onnx"]}
    assert (benchmark.rounds, benchmark.threads, benchmark.examples) == (3, 1, 300)
    assert benchmark.notes == ("a note",)
    assert benchmark.passed
    rounds = ["round 1 of 3", "round 2 of 3", "round 3 of 3"]
    assert steps == ["loading everything, 1 of 1 times", *rounds, "asking model.onnx all examples"]


def test_nothing_is_measured_unless_the_bytes_are_the_published_ones(published_copy: Path) -> None:
    (published_copy / "model.tflite").write_bytes(b"changed")

    with pytest.raises(VerificationError, match=r"model\.tflite was changed since it was published"):
        measure(plan(published_copy, "onnx"), QUICK)


@pytest.mark.exhaustive
def test_everything_is_measured_beside_keras_s_own(published: Path, keras_source: KerasSource) -> None:
    benchmark = measure(plan(published, keras_source=keras_source), QUICK)

    assert {result.name: result.failure for result in benchmark.results} == dict.fromkeys(
        [
            "saved_model",
            "model.tflite",
            "model.export litert",
            "model.onnx",
            "model.export onnx",
            "openvino",
            "model.predict",
        ],
        "",
    )
    assert {result.label_flips for result in benchmark.results} == {0}
    assert len({result.accuracy for result in benchmark.results}) == 1
    assert [comparison.name for comparison in benchmark.comparisons] == ["model.tflite", "model.onnx"]
    assert all(0.5 < comparison.size < 2 for comparison in benchmark.comparisons)


@pytest.mark.slow
def test_a_keras_model_that_can_t_be_had_fails_alone(published: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.keras").write_bytes(b"broken")
    broken = KerasSource(
        path=tmp_path / "broken.keras", served=read_manifest(published).artifacts[0].inputs, scale=None
    )

    benchmark = measure(plan(published, "onnx", keras_source=broken), QUICK)

    ours, exported, predicted = benchmark.results
    assert ours.failure == ""
    assert "broken.keras is not a Keras file" in exported.failure
    assert "broken.keras is not a Keras file" in predicted.failure
    assert benchmark.passed
    assert benchmark.comparisons == ()


@pytest.mark.exhaustive
def test_models_of_several_inputs_have_neither_accuracy_nor_flips(
    tmp_path: Path, request_for: Callable[..., Any]
) -> None:
    import dataclasses

    from export._publish import publish
    from export.model.preprocessing import ServingOptions

    rng = np.random.default_rng(0)
    left, right = keras.Input((4,), name="left"), keras.Input((3,), name="right")
    answer = keras.layers.Dense(2, name="price")(keras.layers.Concatenate()([right, left]))
    keras.Model([left, right], answer).save(tmp_path / "m.keras")
    request = dataclasses.replace(
        request_for(tmp_path / "out", "onnx", model=tmp_path / "m.keras"), serving=ServingOptions(is_classifier=False)
    )
    data = {"left": rng.normal(size=(20, 4)).astype("float32"), "right": rng.normal(size=(20, 3)).astype("float32")}
    assert publish(request, data).passed
    manifest = read_manifest(tmp_path / "out")
    source = KerasSource(path=tmp_path / "m.keras", served=manifest.artifacts[0].inputs, scale=None)

    benchmark = measure(plan(tmp_path / "out", keras_source=source), QUICK)

    assert {result.name: result.failure for result in benchmark.results} == {
        "model.onnx": "",
        "model.export onnx": "",
        "model.predict": "",
    }
    assert {(result.accuracy, result.label_flips) for result in benchmark.results} == {(None, None)}


def test_a_candidate_whose_process_dies_fails_from_then_on(
    task: LoadRequest, reference: Reference, tmp_path: Path
) -> None:
    session = Session(task, QUICK)
    session.start(stays=True)
    assert session.pid is not None
    os.kill(session.pid, signal.SIGKILL)

    session.burst(1)
    session.burst(1)
    session.start(stays=True)
    session.finish(reference, 0.0, tmp_path / "answers.npy")

    assert session.result().failure == "its process was ended by SIGKILL"
    assert session.result().latency == ()
    assert session.pid is None


def test_a_candidate_that_hangs_fails_in_time(task: LoadRequest) -> None:
    session = Session(task, Settings(rounds=3, starts=1, batches=(1, 4), limits=Limits(seconds=30)))
    session.start(stays=True)
    assert session.pid is not None
    session._settings = Settings(rounds=3, limits=Limits(seconds=0.5))
    os.kill(session.pid, signal.SIGSTOP)

    session.burst(1)

    assert (
        session.result().failure
        == "its process was not through after 0.5 s: give it more with --time-limit if you trust it"
    )


def test_every_start_is_a_process_of_its_own_and_the_last_stays(task: LoadRequest) -> None:
    session = Session(task, QUICK)

    session.start(stays=False)
    left = session.pid
    session.start(stays=True)
    stayed = session.pid
    session.burst(1)
    session.end()

    assert left is None
    assert stayed is not None
    assert session.failure == ""
    assert [start.warm_up_seconds > 0.1 for start in session.result().starts] == [False, True]


def test_a_candidate_that_is_known_to_fail_is_never_started(task: LoadRequest) -> None:
    session = Session(task, QUICK, failure="no such file")

    session.start(stays=True)

    assert session.pid is None
    assert session.result().failure == "no such file"


def test_answers_of_other_shape_are_a_failure(task: LoadRequest, reference: Reference, tmp_path: Path) -> None:
    session = Session(task, QUICK)
    session.start(stays=True)
    fewer = Reference(
        inputs=reference.inputs, outputs={OUTPUT_NAME: reference.probabilities[:, :9]}, labels=reference.labels
    )

    session.finish(fewer, 0.0, tmp_path / "answers.npy")

    assert session.result().failure.startswith("its answers can't be compared: reference (300, 9), candidate (300, 10)")


@pytest.mark.parametrize(("threshold", "answers"), [(0.5, [0.4, 0.6]), (0.0, [-0.1, 0.1])])
def test_a_single_unit_says_one_of_two_classes(
    threshold: float, answers: list[float], task: LoadRequest, tmp_path: Path
) -> None:
    from export.benchmark.session import _two_columns

    columns = _two_columns(np.array(answers, np.float32)[:, None], threshold)

    assert columns.argmax(axis=1).tolist() == [0, 1]
    assert _two_columns(columns, threshold) is columns


@pytest.mark.parametrize(("option", "value", "fewest"), [("threads", 0, 1), ("repeats", 2, 3)])
def test_settings_that_measure_nothing_are_refused(option: str, value: int, fewest: int) -> None:
    values = {"threads": 1, "repeats": 3, option: value}

    with pytest.raises(InputError, match=f"--{option} must be {fewest} or more, got {value}"):
        Settings(threads=values["threads"], rounds=values["repeats"])


def test_the_batch_sizes_are_those_promised() -> None:
    assert Settings().batches == BATCHES == (1, 32, 256)
    assert Exporter.MODEL_PREDICT == "model.predict"
