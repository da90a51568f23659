"""A file that holds or says something else than it must is found out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import onnx
import pytest

from export.artifact import Format
from export.rings import Candidate
from export.rings.checks import structure


def test_a_right_file_of_every_format_passes(right: Candidate) -> None:
    result = structure.check(right)

    assert result.failures == ()
    assert result.passed
    assert result.facts["operators"]
    assert result.facts["versions"]


def test_every_format_is_held_to_the_labels_of_the_manifest(right: Candidate) -> None:
    other = dataclasses.replace(right.description, class_names=tuple("9876543210"))

    (failure,) = structure.check(dataclasses.replace(right, description=other)).failures

    assert 'says that its labels is \'["0", "1"' in failure
    assert failure.endswith("export the model again")


def test_every_format_is_held_to_the_model_of_the_manifest(right: Candidate) -> None:
    other = dataclasses.replace(right.description, source_digest="0" * 64)

    (failure,) = structure.check(dataclasses.replace(right, description=other)).failures

    assert "says that its source_digest is " in failure


def test_an_operator_of_a_vendor_fails(planted: Callable[..., Candidate]) -> None:
    def plant(model: onnx.ModelProto) -> None:
        # A fusion that onnxruntime itself would make.
        model.graph.node[2].op_type, model.graph.node[2].domain = "FusedMatMul", "com.microsoft"
        model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))

    assert "it uses operators of com.microsoft" in structure.check(planted(plant)).failures


def test_another_opset_than_the_manifest_says_fails(planted: Callable[..., Candidate]) -> None:
    def plant(model: onnx.ModelProto) -> None:
        model.opset_import[0].version = 18

    assert structure.check(planted(plant)).failures == ("it is stamped with opset 18 but must have 17",)


def test_another_ir_version_fails(planted: Callable[..., Candidate]) -> None:
    def plant(model: onnx.ModelProto) -> None:
        model.ir_version = 9

    assert structure.check(planted(plant)).failures == ("it is stamped with IR 9 but must have 8",)


def test_a_file_without_a_description_fails(planted: Callable[..., Candidate]) -> None:
    def plant(model: onnx.ModelProto) -> None:
        del model.metadata_props[:]

    (failure,) = structure.check(planted(plant)).failures

    assert "says that its labels is 'nothing' but the manifest says" in failure


@pytest.mark.parametrize("right", [Format.SAVED_MODEL], indirect=True)
def test_a_saved_model_without_its_description_fails(right: Candidate) -> None:
    (right.path / "assets.extra" / "description.json").unlink()

    (failure,) = structure.check(right).failures

    assert "does not say what it is (FileNotFoundError: " in failure


def test_a_file_of_another_kind_fails(right: Candidate) -> None:
    inside = {Format.SAVED_MODEL: "saved_model.pb", Format.OPENVINO: "model.xml"}
    path = right.path / inside.get(right.artifact.target.format, "")
    path.write_bytes(b"\xff\xff another kind of file")

    (failure,) = structure.check(right).failures

    assert failure.startswith(str(right.path))
    assert failure.endswith("export it again")
