"""The facts about exported files: names, targets, digests, and a manifest that survives being written and read."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.artifact import (
    VARIANTS,
    Artifact,
    Description,
    Format,
    Kind,
    Look,
    Manifest,
    Target,
    TensorSpec,
    Variant,
    check_opset,
    choose_targets,
    digest_file,
    digest_tree,
    read_manifest,
)
from export.errors import InputError

EVERY_TARGET = tuple(Target(format=kind, variant=variant) for kind in Format for variant in VARIANTS[kind])

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
digests = st.dictionaries(texts, texts, max_size=4)
specs = st.builds(
    TensorSpec,
    name=texts,
    dtype=texts,
    shape=st.lists(st.none() | st.integers(1, 4096), max_size=4).map(tuple),
)
artifacts = st.builds(
    Artifact,
    target=st.sampled_from(EVERY_TARGET),
    files=digests,
    size_bytes=st.integers(0, 2**50),
    inputs=st.lists(specs, max_size=3).map(tuple),
    outputs=st.lists(specs, max_size=3).map(tuple),
    opset=st.none() | st.integers(13, 18),
)
descriptions = st.builds(
    Description,
    class_names=st.lists(texts, max_size=12).map(tuple),
    dataset=texts,
    dataset_digest=texts,
    accuracy=st.none() | st.floats(0, 1),
    kind=st.sampled_from(Kind),
    wrapped=st.booleans(),
    postprocessing=texts,
    source_digest=texts,
    note=texts,
    preprocessing=texts,
)
looks = st.builds(Look, dark_background=st.booleans(), content_side=st.none() | st.integers(1, 4096))
manifests = st.builds(
    Manifest,
    artifacts=st.lists(artifacts, max_size=4).map(tuple),
    description=descriptions,
    files=digests,
    look=st.none() | looks,
    versions=digests,
)


@given(artifacts)
def test_an_artifact_survives_json(artifact: Artifact) -> None:
    read = Artifact.from_json(json.loads(json.dumps(artifact.as_json())))

    assert read == artifact


@given(manifests)
def test_a_manifest_survives_json(manifest: Manifest) -> None:
    read = Manifest.from_json(json.loads(json.dumps(manifest.as_json())))

    assert read == manifest


@given(descriptions)
def test_a_description_becomes_texts_from_which_the_class_names_can_be_read(description: Description) -> None:
    metadata = description.as_metadata()

    assert all(isinstance(value, str) for value in metadata.values())
    assert tuple(json.loads(metadata["labels"])) == description.class_names
    assert metadata["accuracy"] == ("" if description.accuracy is None else f"{description.accuracy:.6f}")
    assert (metadata["kind"], metadata["wrapped"]) == (description.kind, "yes" if description.wrapped else "no")


def test_a_metadata_text_keeps_names_in_other_alphabets_legible() -> None:
    description = Description(
        class_names=("猫", "собака"), dataset="pets", dataset_digest="d", accuracy=1.0, source_digest="s"
    )

    assert description.as_metadata()["labels"] == '["猫", "собака"]'


def test_the_manifest_names_the_digest_of_every_file_but_itself() -> None:
    spec = TensorSpec(name="image", dtype="uint8", shape=(None, 2, 2, 1))
    artifact = Artifact(
        target=EVERY_TARGET[0], files={"saved_model/saved_model.pb": "1"}, size_bytes=3, inputs=(spec,), outputs=(spec,)
    )
    description = Description(class_names=("a", "b"), dataset="d", dataset_digest="2", accuracy=0.5, source_digest="3")
    look = Look(dark_background=True, content_side=None)

    manifest = Manifest(
        artifacts=(artifact,), description=description, files={"parity.json": "4"}, look=look, versions={}
    )

    assert manifest.digests == {"saved_model/saved_model.pb": "1", "parity.json": "4"}


def test_each_target_has_the_file_name_of_the_contract() -> None:
    names = {target.format: target.file for target in EVERY_TARGET if target.variant is Variant.FLOAT32}

    assert names == {"saved_model": "saved_model", "tflite": "model.tflite", "onnx": "model.onnx"}


def test_no_two_targets_share_a_file() -> None:
    assert len({target.file for target in EVERY_TARGET}) == len(EVERY_TARGET)


def test_every_format_comes_as_float32() -> None:
    assert all(Variant.FLOAT32 in VARIANTS[kind] for kind in Format)


@pytest.mark.parametrize("formats", [[], ["all"], ["onnx", "all"], ["onnx", "saved_model", "tflite", "onnx"]])
def test_all_formats_are_chosen_once_and_in_one_order(formats: list[str]) -> None:
    targets = choose_targets(formats, [])

    assert [target.format for target in targets] == ["saved_model", "tflite", "onnx"]
    assert {target.variant for target in targets} == {Variant.FLOAT32}


@pytest.mark.parametrize("kind", list(Format))
def test_one_format_is_chosen_alone(kind: Format) -> None:
    assert choose_targets([kind.value], []) == (Target(format=kind, variant=Variant.FLOAT32),)


def test_all_variants_of_all_formats_are_all_that_exist() -> None:
    assert choose_targets(["all"], ["all"]) == EVERY_TARGET
    assert choose_targets([], ["all"]) == EVERY_TARGET


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="unknown format torch: choose among saved_model, tflite, onnx and all"):
        choose_targets(["torch"], [])


def test_an_unknown_format_is_refused_beside_all() -> None:
    with pytest.raises(InputError, match="unknown format torch"):
        choose_targets(["all", "torch"], [])


def test_an_unknown_variant_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=f"unknown variant int2: choose among {', '.join(Variant)} and all"):
        choose_targets(["onnx"], ["int2"])


def test_a_named_pair_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("export.artifact.VARIANTS", {**VARIANTS, Format.ONNX: ()})

    with pytest.raises(InputError, match="there is no float32 onnx: onnx comes as"):
        choose_targets(["onnx"], ["float32"])


def test_a_pair_that_nobody_named_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("export.artifact.VARIANTS", {**VARIANTS, Format.ONNX: ()})

    assert [target.format for target in choose_targets([], ["float32"])] == ["saved_model", "tflite"]


@pytest.mark.parametrize("opset", [13, 17, 18])
def test_a_known_opset_is_itself(opset: int) -> None:
    assert check_opset(opset) == opset


@pytest.mark.parametrize("opset", [-1, 0, 12, 19, 28])
def test_an_unknown_opset_is_refused(opset: int) -> None:
    with pytest.raises(InputError, match=f"--opset must be 13 to 18, got {opset}"):
        check_opset(opset)


def test_a_folder_without_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no .*manifest\.json: export a model there first"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"3", b'"text"', b"{}", b"\xff\xfe", b'{"artifacts": [], "description": {}}'],
)
def test_a_damaged_manifest_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(content)

    with pytest.raises(InputError, match=r"manifest\.json can't be read as a manifest .*: remove .* and export again"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("key", ["artifacts", "description", "files", "look", "versions"])
def test_a_manifest_that_lacks_a_part_is_refused(published_copy: Path, key: str) -> None:
    path = published_copy / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    del content[key]
    path.write_text(json.dumps(content), encoding="utf-8")

    with pytest.raises(InputError, match="can't be read as a manifest"):
        read_manifest(published_copy)


def test_a_manifest_of_an_unknown_format_is_refused(published_copy: Path) -> None:
    path = published_copy / "manifest.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"tflite"', '"torch"'), encoding="utf-8")

    with pytest.raises(InputError, match="'torch' is not a valid Format"):
        read_manifest(published_copy)


def test_a_digest_is_the_sha256_of_the_bytes(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000
    (tmp_path / "file").write_bytes(content)

    assert digest_file(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_the_digests_of_a_tree_name_every_file_below_it_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    (tmp_path / "tree" / "b").write_bytes(b"b")
    (tmp_path / "tree" / "deep" / "a").write_bytes(b"a")
    (tmp_path / "beside").write_bytes(b"c")

    found = digest_tree(tmp_path, "tree")

    assert found == {
        "tree/b": hashlib.sha256(b"b").hexdigest(),
        "tree/deep/a": hashlib.sha256(b"a").hexdigest(),
    }


def test_the_digests_of_a_single_file_name_it_alone(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"a")

    assert digest_tree(tmp_path, "model.onnx") == {"model.onnx": hashlib.sha256(b"a").hexdigest()}


def test_the_facts_need_nothing_but_the_standard_library(
    child: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = child("import sys, export.artifact; print('numpy' in sys.modules, 'tensorflow' in sys.modules)")

    assert (done.returncode, done.stdout.strip()) == (0, "False False")
