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
    note=texts,
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
    tolerances=st.dictionaries(st.sampled_from(Variant), st.dictionaries(texts, st.floats(0, 1))),
    looser=st.dictionaries(texts, st.dictionaries(texts, st.floats(0, 1))),
    accepted=st.dictionaries(texts, st.dictionaries(texts, st.integers(0, 99))),
    counted=st.fixed_dictionaries({"examples": st.integers(1, 99), "labels": st.dictionaries(texts, st.just({}))}),
)


def test_an_artifact_of_an_older_manifest_has_no_note() -> None:
    spec = {"name": "x", "dtype": "uint8", "shape": [None, 2]}
    older = {"format": "onnx", "variant": "int8", "files": {}, "size_bytes": 1, "opset": 17}

    assert Artifact.from_json({**older, "inputs": [spec], "outputs": []}).note == ""


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
        artifacts=(artifact,),
        description=description,
        files={"parity.json": "4"},
        look=look,
        versions={},
        tolerances={},
        looser={},
        accepted={},
        counted={},
    )

    assert manifest.digests == {"saved_model/saved_model.pb": "1", "parity.json": "4"}


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
