"""Planted faults are seen, and a verification that can't see them is reported as blind."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from export._publish import publish
from export.artifact import Artifact, Description, Format, digest_tree
from export.comparison.output_parity import OutputParity, compare_outputs
from export.comparison.parity import Parity, compare
from export.comparison.reference import Reference, read_reference
from export.comparison.tolerance import TOLERANCES, Tolerance
from export.errors import VerificationError
from export.folder.manifest import read_manifest
from export.formats.format import offered_formats
from export.formats.targets import choose_targets
from export.formats.weights import read_weights, write_weights
from export.model.preprocessing import ServingOptions
from export.sensitivity.sensitivity import Sensitivity, measure_sensitivity, part_of, times_limit
from export.verification import Standard, ask, open_candidate

EVERY = list(offered_formats())


def as_verified(folder: Path, artifact: Artifact, reference: Reference) -> Parity | OutputParity:
    # What a file says about itself is no part of the comparison.
    nobody = Description(class_names=(), dataset="", dataset_digest="", accuracy=None, source_digest="")
    standard = Standard(reference=reference, description=nobody, tolerances=TOLERANCES)
    return ask(open_candidate(folder, artifact, standard), standard)[1]


def measured(folder: Path, kind: Format, judge: Any = as_verified) -> Sensitivity:
    artifact = next(artifact for artifact in read_manifest(folder).artifacts if artifact.target.format is kind)
    return measure_sensitivity(folder, artifact, read_reference(folder / "reference.npz"), judge=judge)


@pytest.fixture
def uniform_model(save_layers: Callable[..., Path]) -> Path:
    """A model whose answers are nearly the same for all images, so that its files pass and prove little."""
    path = save_layers(keras.layers.Conv2D(4, 5, strides=4))
    model = keras.models.load_model(path)
    model.layers[-1].kernel.assign(model.layers[-1].kernel * 1e-6)
    model.save(path)
    return path


@pytest.fixture
def uniform(
    uniform_model: Path, request_for: Any, examples: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The same, published as if nobody had asked for the proof that faults would be seen."""
    with monkeypatch.context() as patch:
        patch.setattr("export._publish.with_evidence", lambda folder, verification, standard, on_step: verification)
        assert publish(request_for(tmp_path / "artifacts", "onnx", "tflite", model=uniform_model), *examples).passed
    return tmp_path / "artifacts"


@pytest.mark.slow
def test_a_model_on_which_the_check_is_blind_is_not_published(
    uniform_model: Path, request_for: Any, examples: Any, tmp_path: Path
) -> None:
    verification = publish(request_for(tmp_path / "artifacts", "onnx", model=uniform_model), *examples)

    (failure,) = verification.failures_of(verification.artifacts[0])
    assert failure.startswith("sensitivity: the sensitivity check of model.onnx failed: ")
    assert not (tmp_path / "artifacts").exists()


@pytest.mark.slow
def test_no_number_type_of_a_model_on_which_the_check_is_blind_is_chosen(
    uniform_model: Path, request_for: Any, examples: Any, tmp_path: Path
) -> None:
    targets = choose_targets(["onnx"], ["float32", "float16"])
    request = request_for(tmp_path / "artifacts", "onnx", model=uniform_model)
    # Differences within the limits turn labels of answers that are nearly the same.
    rules = {
        variant: dataclasses.replace(rule, agreement=0.0, accuracy_loss=1.0) for variant, rule in TOLERANCES.items()
    }

    verification = publish(dataclasses.replace(request, targets=targets, smallest=True, tolerances=rules), *examples)

    assert [bool(verification.failures_of(artifact)) for artifact in verification.artifacts] == [True, False]
    assert not verification.passed
    assert not (tmp_path / "artifacts").exists()


@pytest.mark.parametrize("kind", EVERY)
def test_every_planted_fault_is_seen_in_every_format(published: Path, kind: Format) -> None:
    found = measured(published, kind)

    assert found.passed
    assert [sight.seen for sight in found.faults.values()] == [True, True, True]
    assert found.smallest_seen is not None
    assert 1e-7 < found.smallest_seen < 1e-3
    assert f"that is wrong by {found.smallest_seen:.1e} is seen" in found.sentence


@pytest.mark.parametrize("kind", EVERY)
def test_the_smallest_fault_seen_on_a_part_is_seen_on_the_whole(published_copy: Path, kind: Format) -> None:
    found = measured(published_copy, kind)
    artifact = next(a for a in read_manifest(published_copy).artifacts if a.target.format is kind)
    path = published_copy / artifact.target.file
    weight = read_weights(kind, path)[found.weight]
    rows = weight.by_channel
    rows[np.square(rows).sum(axis=1).argmax()] *= np.float32(1 + found.smallest_seen)

    write_weights(kind, path, {found.weight: weight.from_channels(rows)})

    planted = dataclasses.replace(artifact, files=digest_tree(published_copy, artifact.target.file))
    assert not as_verified(published_copy, planted, read_reference(published_copy / "reference.npz")).passed


@pytest.mark.parametrize("kind", EVERY)
def test_measuring_leaves_the_file_as_it_was(published_copy: Path, kind: Format, snapshot: Callable[..., Any]) -> None:
    before = snapshot(published_copy)

    measured(published_copy, kind)

    assert snapshot(published_copy) == before
    assert [path.name for path in published_copy.parent.iterdir()] == ["artifacts"]


@pytest.mark.parametrize("kind", [Format.ONNX, Format.TFLITE])
def test_a_nearly_uniform_model_fails_its_sensitivity_check(uniform: Path, kind: Format) -> None:
    found = measured(uniform, kind)

    assert not found.passed
    assert found.smallest_seen is None
    assert (
        f"the sensitivity check of model.{kind} failed: an injected fault in its most influential weight"
        in found.sentence
    )
    assert "(channel × 1.01, sign of its strongest weight flipped, channel zeroed)" in found.sentence
    assert "train the model until it answers different images differently, or give images on which it does" in (
        found.sentence
    )


def test_a_label_that_changes_by_chance_is_no_sight_of_a_fault(published: Path) -> None:
    flips = []

    def judge(folder: Path, artifact: Artifact, reference: Reference) -> Parity:
        tolerance = Tolerance(probability=math.inf, logit=math.inf, flips=0)
        parity = dataclasses.replace(as_verified(folder, artifact, reference), tolerance=tolerance)
        flips.append(parity.label_flips)
        assert parity.passed is (parity.label_flips == 0)
        return parity

    found = measured(published, Format.ONNX, judge=judge)

    assert max(flips) > 0
    assert not found.passed
    assert not any(sight.seen for sight in found.faults.values())


def test_a_judge_that_always_passes_fails_its_sensitivity_check(published: Path) -> None:
    def blind(folder: Path, artifact: Artifact, reference: Reference) -> Parity:
        tolerance = Tolerance(probability=math.inf, logit=math.inf, flips=len(reference.labels))
        return dataclasses.replace(as_verified(folder, artifact, reference), tolerance=tolerance)

    found = measured(published, Format.ONNX, judge=blind)

    assert not found.passed
    assert [sight.seen for sight in found.faults.values()] == [False, False, False]
    assert "(channel × 1.01, sign of its strongest weight flipped, channel zeroed)" in found.sentence


def test_a_judge_with_a_wider_tolerance_sees_less(published: Path) -> None:
    def lenient(folder: Path, artifact: Artifact, reference: Reference) -> Parity:
        tolerance = Tolerance(probability=1e-4, logit=1e-4)
        return dataclasses.replace(as_verified(folder, artifact, reference), tolerance=tolerance)

    strict, loose = measured(published, Format.ONNX), measured(published, Format.ONNX, judge=lenient)

    assert 3 < loose.smallest_seen / strict.smallest_seen < 30


def test_answers_that_cannot_be_compared_are_seen(published: Path) -> None:
    asked = []

    def judge(folder: Path, artifact: Artifact, reference: Reference) -> Parity | OutputParity:
        asked.append(folder)
        if len(asked) > 1:
            raise VerificationError("the answers are not finite")
        return as_verified(folder, artifact, reference)

    found = measured(published, Format.ONNX, judge=judge)

    assert found.passed
    assert all(sight.difference is None for sight in found.faults.values())


def test_a_file_that_does_not_pass_is_refused(published: Path) -> None:
    reference = read_reference(published / "reference.npz")
    artifact = next(one for one in read_manifest(published).artifacts if one.target.format is Format.ONNX)
    wrong = dataclasses.replace(reference, outputs={"probabilities": np.roll(reference.probabilities, 1, axis=0)})

    with pytest.raises(ValueError, match=r"model\.onnx must pass its verification before faults are planted in it"):
        measure_sensitivity(published, artifact, wrong, judge=as_verified)


@pytest.mark.parametrize("kind", EVERY)
def test_a_model_that_is_verified_by_its_outputs_is_measured_too(
    save_layers: Callable[..., Path], request_for: Any, examples: Any, tmp_path: Path, kind: Format
) -> None:
    request = request_for(tmp_path / "artifacts", kind, model=save_layers(keras.layers.Conv2D(3, 5, strides=3)))
    request = dataclasses.replace(request, serving=ServingOptions(is_classifier=False))
    assert publish(request, examples[0]).passed

    found = measured(tmp_path / "artifacts", kind)

    assert found.passed
    assert found.smallest_seen < 1e-3


def test_a_model_without_weights_says_so(request_for: Any, examples: Any, tmp_path: Path) -> None:
    image = keras.Input((28, 28, 1), dtype="uint8")
    pixels = keras.layers.Flatten()(keras.layers.MaxPooling2D(7)(image))
    keras.Model(image, pixels).save(tmp_path / "model.keras")
    request = request_for(tmp_path / "artifacts", "saved_model", model=tmp_path / "model.keras")
    publish(dataclasses.replace(request, serving=ServingOptions(is_classifier=False)), examples[0])

    found = measured(tmp_path / "artifacts", Format.SAVED_MODEL)

    assert found.passed
    assert found.weight is None
    assert found.sentence == "saved_model holds no weights, so no fault can be planted in them"


def test_of_a_large_file_fewer_weights_are_tried(
    save_layers: Callable[..., Path], request_for: Any, examples: Any, tmp_path: Path
) -> None:
    layers = [keras.layers.Conv2D(3, 3, activation="tanh") for _ in range(5)]
    publish(request_for(tmp_path / "artifacts", "onnx", model=save_layers(*layers)), *examples)
    (artifact,) = read_manifest(tmp_path / "artifacts").artifacts
    reference = read_reference(tmp_path / "artifacts" / "reference.npz")
    large = dataclasses.replace(artifact, size_bytes=50 * 2**20)
    asked: list[int] = []

    def judge(folder: Path, artifact: Artifact, reference: Reference) -> Parity | OutputParity:
        asked.append(artifact.size_bytes)
        return as_verified(folder, artifact, reference)

    found = [measure_sensitivity(tmp_path / "artifacts", each, reference, judge=judge) for each in (artifact, large)]

    assert [each.passed for each in found] == [True, True]
    # As it is, with each of six kernels scaled, and with two more faults; then what narrows the smallest one down.
    assert asked.count(artifact.size_bytes) > 1 + 6 + 2
    assert asked.count(large.size_bytes) <= 1 + 3 + 2 + 6


def test_the_result_is_json(published: Path, uniform: Path) -> None:
    for folder in (published, uniform):
        found = measured(folder, Format.ONNX)
        data = json.loads(json.dumps(found.as_json(), allow_nan=False))

        assert data["passed"] is found.passed
        assert data["smallest_seen"] == found.smallest_seen
        assert [fault["seen"] for fault in data["faults"].values()] == [sight.seen for sight in found.faults.values()]


def test_a_part_of_the_reference_has_the_limits_of_the_whole() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 5, (5000, 4))
    rows = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    reference = Reference(
        inputs={"image": np.arange(5000, dtype=np.int64)[:, None]},
        outputs={"probabilities": rows.astype(np.float32)},
        labels=np.arange(5000) % 4,
    )

    part = part_of(reference, 50)

    assert 50 <= len(part.probabilities) <= 52
    assert part.probabilities.min() == reference.probabilities.min()
    np.testing.assert_array_equal(part.probabilities, reference.probabilities[part.inputs["image"][:, 0]])
    np.testing.assert_array_equal(part.labels, part.inputs["image"][:, 0] % 4)


def test_a_part_of_other_outputs_has_the_limits_of_the_whole() -> None:
    values = np.linspace(-3, 1, 700, dtype=np.float32)[:, None]
    values[123] = -40
    reference = Reference(inputs={"x": values}, outputs={"y": values})

    part = part_of(reference, 10)

    assert np.abs(part.outputs["y"]).max() == 40
    assert part.labels is None


def test_the_difference_is_told_in_units_of_its_limit() -> None:
    reference = np.array([[0.5, 0.5], [0.9, 0.1]], np.float32)
    candidate = np.array([[0.5, 0.5], [0.9, 0.1]], np.float32) + np.float32(3e-5)

    parity = compare(reference, candidate, np.zeros(2, np.int64), tolerance=Tolerance(probability=1e-5, logit=1))
    outputs = compare_outputs({"y": 100 * reference}, {"y": 100 * reference + np.float32(0.0027)})
    whole = compare_outputs({"y": np.array([1, 2])}, {"y": np.array([1, 3])})

    assert times_limit(parity) == pytest.approx(3, rel=1e-2)
    assert times_limit(outputs) == pytest.approx(3, rel=1e-2)
    assert times_limit(whole) == math.inf
    assert times_limit(compare_outputs({"y": np.array([1, 2])}, {"y": np.array([1, 2])})) == 0


@pytest.mark.slow
def test_a_weight_of_a_silent_unit_is_no_reason_to_call_the_check_blind(
    save_layers: Callable[..., Path], request_for: Any, examples: Any, tmp_path: Path
) -> None:
    path = save_layers(keras.layers.Flatten(), keras.layers.Dense(8, activation="relu", name="units"))
    model = keras.models.load_model(path)
    kernel, bias = model.get_layer("units").get_weights()
    bias[0] = -1e6
    model.get_layer("units").set_weights([kernel, bias])
    answers = model.layers[-1].kernel.numpy()
    # The strongest weights of all belong to the unit that never speaks.
    answers[0] = 100.0
    model.layers[-1].kernel.assign(answers)
    model.save(path)

    assert publish(request_for(tmp_path / "artifacts", "onnx", model=path), *examples).passed
