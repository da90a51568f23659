"""The gate and number types: the smallest file within its tolerance, why others are not taken, and what is recorded."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export._publish import publish
from export.artifact import Format, Variant, digest_file
from export.comparison.tolerance import TOLERANCES
from export.errors import InputError
from export.folder.manifest import read_manifest
from export.formats.format import facts, offered_formats
from export.formats.targets import choose_targets
from export.publishing.request import ExportRequest
from export.self_test.planting import reseal
from export.verification import verify_folder

pytestmark = pytest.mark.slow
STRICT = {**TOLERANCES, Variant.INT8: dataclasses.replace(TOLERANCES[Variant.INT8], probability=1e-4)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "artifacts"


@pytest.fixture
def ask(request_for: Callable[..., Any], folder: Path, calibration: np.ndarray) -> Callable[..., ExportRequest]:
    """`ask(*variants, formats=…, **changes)`: a request for number types of ONNX; `auto` asks for the smallest."""

    def call(*variants: str, formats: tuple[str, ...] = ("onnx",), **changes: Any) -> ExportRequest:
        everything = {"calibration": calibration, "smallest": "auto" in variants, **changes}
        return dataclasses.replace(request_for(folder), targets=choose_targets(formats, variants), **everything)

    return call


def published_files(folder: Path) -> list[str]:
    return [artifact.target.file for artifact in read_manifest(folder).artifacts]


def test_the_smallest_file_that_keeps_its_rules_is_chosen_and_the_others_are_said_to_be_larger(
    ask: Callable[..., ExportRequest], folder: Path, examples: Any, loose: Any
) -> None:
    verification = publish(ask("auto", tolerances=loose), *examples)

    assert verification.passed
    assert published_files(folder) == ["model_int8.onnx"]
    assert verification.passed_over == {
        "model.onnx": "larger than model_int8.onnx",
        "model_float16.onnx": "larger than model_int8.onnx",
    }
    content = json.loads((folder / "parity.json").read_text(encoding="utf-8"))
    assert content["passed_over"] == verification.passed_over
    assert not (folder / "model.onnx").exists()
    assert verify_folder(folder, formats=[Format.ONNX]).passed


def test_where_int8_breaks_a_rule_the_next_larger_file_is_taken_and_the_rule_is_told(
    ask: Callable[..., ExportRequest], folder: Path, examples: Any
) -> None:
    verification = publish(ask("auto", tolerances=STRICT), *examples)

    assert verification.passed
    assert published_files(folder) == ["model_float16.onnx"]
    assert verification.passed_over["model_int8.onnx"].startswith("test set: a probability differs by ")
    assert verification.passed_over["model.onnx"] == "larger than model_float16.onnx"


def test_without_training_examples_the_smallest_is_chosen_among_the_others(
    ask: Callable[..., ExportRequest], folder: Path, examples: Any
) -> None:
    verification = publish(ask("auto", calibration=None), *examples)

    assert published_files(folder) == ["model_float16.onnx"]
    assert verification.passed_over["model_int8.onnx"] == (
        "int8 ONNX needs training examples to find its ranges: give data that has some"
    )


def test_where_no_file_keeps_its_rules_nothing_is_published_and_every_rule_is_told(
    ask: Callable[..., ExportRequest], folder: Path, examples: Any
) -> None:
    impossible = {kind: dataclasses.replace(rules, probability=1e-30) for kind, rules in TOLERANCES.items()}

    verification = publish(ask("auto", tolerances=impossible), *examples)

    assert not verification.passed
    assert len(verification.artifacts) == 3
    assert all(verification.failures_of(artifact) for artifact in verification.artifacts)
    assert not folder.exists()


def test_what_was_published_earlier_stays_beside_the_smallest(
    ask: Callable[..., ExportRequest], folder: Path, examples: Any, loose: Any
) -> None:
    publish(ask("float32"), *examples)

    verification = publish(ask("auto", tolerances=loose), *examples)

    assert published_files(folder) == ["model.onnx", "model_int8.onnx"]
    assert verification.passed_over == {"model_float16.onnx": "larger than model_int8.onnx"}


def test_a_number_type_published_later_joins_the_earlier_ones(
    ask: Callable[..., ExportRequest], folder: Path, examples: Any
) -> None:
    publish(ask("float16"), *examples)
    earlier = digest_file(folder / "model_float16.onnx")

    assert publish(ask("float32"), *examples).passed

    assert published_files(folder) == ["model_float16.onnx", "model.onnx"]
    assert digest_file(folder / "model_float16.onnx") == earlier


def test_a_number_type_asked_for_by_name_that_breaks_a_rule_publishes_nothing(
    ask: Callable[..., ExportRequest], folder: Path, examples: Any
) -> None:
    verification = publish(ask("float32", "int8", tolerances=STRICT), *examples)

    right, wrong = verification.artifacts
    assert not verification.passed
    assert verification.failures_of(right) == ()
    assert verification.failures_of(wrong)[0].startswith("test set: a probability differs by ")
    assert "limit 1e-04" in verification.failures_of(wrong)[0]
    assert not folder.exists()


@pytest.mark.parametrize(("kind", "name"), [("onnx", "ONNX"), ("tflite", "TFLite")])
def test_int8_without_training_examples_is_refused(
    ask: Callable[..., ExportRequest], folder: Path, examples: Any, kind: str, name: str
) -> None:
    with pytest.raises(InputError, match=f"int8 {name} needs training examples to find its ranges: give data that has"):
        publish(ask("int8", formats=(kind,), calibration=None), *examples)

    assert not folder.exists()


def test_looser_rules_stand_in_the_manifest_and_a_folder_is_held_to_the_rules_of_its_manifest(
    every_variant: Path, tmp_path: Path, loose: Any
) -> None:
    content = json.loads((every_variant / "manifest.json").read_text(encoding="utf-8"))

    assert content["looser"]["int8"] == {"probability": 1.0, "accuracy_loss": 0.1, "agreement": 0.9}
    assert set(content["tolerances"]) == {"float32", "float16", "dynamic", "int8"}
    assert content["tolerances"]["int8"] == dataclasses.asdict(loose[Variant.INT8])
    assert verify_folder(every_variant, formats=[Format.ONNX]).passed


def test_stricter_rules_in_the_manifest_make_the_same_folder_fail(every_variant: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(every_variant, tmp_path / "copy")
    manifest_file, parity_file = copy / "manifest.json", copy / "parity.json"
    content, parity = (json.loads(file.read_text(encoding="utf-8")) for file in (manifest_file, parity_file))
    content["tolerances"]["int8"]["probability"] = 1e-4
    del content["looser"]["int8"]["probability"]
    for result in parity["results"]:
        if result["variant"] == "int8":
            result["tolerance"]["probability"] = 1e-4
    manifest_file.write_text(json.dumps(content), encoding="utf-8")
    parity_file.write_text(json.dumps(parity), encoding="utf-8")
    reseal(copy)

    verification = verify_folder(copy, formats=[Format.ONNX])

    failed = [one.target.file for one in verification.artifacts if verification.failures_of(one)]
    assert failed == ["model_int8.onnx"]


def test_the_parity_file_says_what_every_ring_found(every_variant: Path) -> None:
    content = json.loads((every_variant / "parity.json").read_text(encoding="utf-8"))

    assert len(content["results"]) == sum(len(facts(kind).variants) for kind in offered_formats())
    for result in content["results"]:
        assert {"structure", "stress", "invariance", "isolation", "hostile"} <= {
            ring["ring"] for ring in result["rings"]
        }
        assert all(ring["passed"] for ring in result["rings"])
        assert result["passed"] is True
        assert result["failures"] == []
    assert 0 < content["stability_radius"] < 0.5
