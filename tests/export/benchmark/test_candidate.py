"""Which candidates a published folder and its Keras model give."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.artifact import Format, TensorSpec
from export.benchmark.candidate import (
    Exporter,
    KerasSource,
    choose_artifacts,
    export_candidate,
    find_keras_source,
    predict_candidate,
    published_candidates,
)
from export.errors import InputError
from export.folder.manifest import read_manifest
from export.formats.format import offered_formats
from export.formats.targets import choose_targets
from export.model.own_code import OwnCode


def test_each_artifact_is_a_candidate_with_its_digests(published: Path) -> None:
    artifacts = choose_artifacts(read_manifest(published), choose_targets(offered_formats(), ["all"]))

    found = published_candidates(published, artifacts)

    assert [candidate.name for candidate in found] == [target.file for target in choose_targets(offered_formats(), [])]
    assert {candidate.maker for candidate in found} == {Exporter.PUBLISHED}
    assert [candidate.files for candidate in found] == [artifact.files for artifact in artifacts]
    assert all(candidate.path.exists() and candidate.size_bytes > 1000 for candidate in found)


def test_only_what_is_asked_for_is_chosen(published: Path) -> None:
    (chosen,) = choose_artifacts(read_manifest(published), choose_targets(["onnx"], ["all"]))

    assert chosen.target.format is Format.ONNX


def test_what_was_not_published_can_t_be_chosen(published: Path) -> None:
    with pytest.raises(InputError, match=r"only saved_model, model\.tflite, model\.onnx.*: export it first or choose"):
        choose_artifacts(read_manifest(published), [])


def test_the_model_of_the_files_is_found(model_file: Path, published: Path, keras_source: KerasSource) -> None:
    candidate = predict_candidate(keras_source)

    assert (candidate.name, candidate.format) == ("model.predict", None)
    assert candidate.size_bytes == model_file.stat().st_size
    assert keras_source.served == (TensorSpec(name="image", dtype="uint8", shape=(None, 28, 28, 1)),)
    assert keras_source.scale is None


def test_where_its_own_code_comes_from_is_kept(model_file: Path, published: Path) -> None:
    assert find_keras_source(model_file, read_manifest(published), OwnCode).load_code is OwnCode


def test_a_missing_model_is_named(published: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no .*none\.keras: name the Keras file with --model"):
        find_keras_source(tmp_path / "none.keras", read_manifest(published))


def test_another_model_is_refused(published: Path, tmp_path: Path) -> None:
    (tmp_path / "other.keras").write_bytes(b"other")

    with pytest.raises(InputError, match=r"other\.keras is not the model that the files were made from"):
        find_keras_source(tmp_path / "other.keras", read_manifest(published))


def test_a_file_that_model_export_could_not_write_has_no_size(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"12345")

    assert export_candidate(Format.ONNX, tmp_path / "model.onnx").size_bytes == 5
    assert export_candidate(Format.TFLITE, None).size_bytes == 0
    assert export_candidate(Format.TFLITE, None).name == "model.export litert"
