"""What an earlier export left: kept with its bytes, or refused with one sentence."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from export.artifact import Format, Target, Variant
from export.errors import InputError, VerificationError
from export.folder.manifest import read_manifest
from export.formats.format import offered_formats
from export.formats.targets import choose_targets
from export.publishing.earlier import check_folder, earlier_tolerances, keep_earlier, published_targets

ONNX = Target(format=Format.ONNX, variant=Variant.FLOAT32)


@pytest.fixture
def staged(tmp_path: Path) -> Path:
    (tmp_path / "staged").mkdir()
    return tmp_path / "staged"


def test_a_new_an_empty_and_a_published_folder_are_accepted(published: Path, tmp_path: Path) -> None:
    for folder in (tmp_path / "new", tmp_path, published):
        check_folder(folder)


def test_a_file_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "artifacts").write_text("a file", encoding="utf-8")

    with pytest.raises(InputError, match="artifacts is a file but must be a folder: choose another --output"):
        check_folder(tmp_path / "artifacts")


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious", encoding="utf-8")

    with pytest.raises(InputError, match="holds files that no export put there: choose an empty or a new folder"):
        check_folder(tmp_path)


def test_what_was_published_is_told(published: Path, tmp_path: Path) -> None:
    assert published_targets(published) == set(choose_targets(offered_formats(), []))
    assert published_targets(tmp_path) == frozenset()


def test_what_is_not_asked_for_is_copied_with_its_bytes(published: Path, staged: Path) -> None:
    manifest = read_manifest(published)

    kept = keep_earlier(published, [ONNX], manifest.description, staged)

    assert [artifact.target for artifact in kept] == [
        target for target in choose_targets(offered_formats(), []) if target != ONNX
    ]
    assert kept == [artifact for artifact in manifest.artifacts if artifact.target != ONNX]
    for path in (path for artifact in kept for path in artifact.files):
        assert (staged / path).read_bytes() == (published / path).read_bytes()
    assert not (staged / "model.onnx").exists()


def test_where_nothing_was_published_nothing_is_kept(published: Path, staged: Path, tmp_path: Path) -> None:
    assert keep_earlier(tmp_path, [], read_manifest(published).description, staged) == []


def test_another_models_files_are_refused(published: Path, staged: Path) -> None:
    other = dataclasses.replace(read_manifest(published).description, source_digest="0" * 64)

    with pytest.raises(
        InputError, match=r"holds saved_model, model\.tflite.* of another model: export those formats too"
    ):
        keep_earlier(published, [ONNX], other, staged)


@pytest.mark.parametrize(
    "change",
    [{"preprocessing": "divide by 255"}, {"postprocessing": "softmax"}, {"wrapped": True}, {"kind": "outputs"}],
)
def test_files_that_are_served_in_another_way_are_refused(published: Path, staged: Path, change: Any) -> None:
    other = dataclasses.replace(read_manifest(published).description, **change)
    message = r"holds saved_model, model\.tflite.* of this model served in another way \(classifier, none: raw pixel"

    with pytest.raises(InputError, match=message):
        keep_earlier(published, [ONNX], other, staged)


def test_a_kept_file_that_was_changed_is_refused(published_copy: Path, staged: Path) -> None:
    with (published_copy / "model.tflite").open("ab") as file:
        file.write(b"more")

    with pytest.raises(VerificationError, match=r"model\.tflite was changed since it was published"):
        keep_earlier(published_copy, [ONNX], read_manifest(published_copy).description, staged)


def test_rules_of_number_types_that_are_not_asked_for_stay(published_copy: Path) -> None:
    path = published_copy / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["tolerances"] = {"int8": {**content["tolerances"]["float32"], "probability": 0.5}}
    path.write_text(json.dumps(content), encoding="utf-8")

    kept = earlier_tolerances(published_copy, [ONNX])

    assert {variant: rules.probability for variant, rules in kept.items()} == {Variant.INT8: 0.5}
    assert earlier_tolerances(published_copy, [Target(format=Format.ONNX, variant=Variant.INT8)]) == {}
    assert earlier_tolerances(published_copy.parent / "new", [ONNX]) == {}
