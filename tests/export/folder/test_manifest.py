"""The manifest survives being written and read, and whatever no export writes is refused in one sentence."""

from __future__ import annotations

import copy
import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.artifact import Artifact, Description, Format, Look, ModelKind, Target, TensorSpec, Variant
from export.comparison.tolerance import LabelCounts, Tolerance
from export.errors import InputError
from export.folder.manifest import Counts, Manifest, read_manifest
from export.formats.format import facts

EVERY_TARGET = tuple(Target(format=kind, variant=variant) for kind in Format for variant in facts(kind).variants)
DIGEST = "0123456789abcdef" * 4

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp"]), max_size=12)
digests = st.text("0123456789abcdef", min_size=64, max_size=64)
shares = st.floats(0, 1)
specs = st.builds(
    TensorSpec,
    name=texts,
    dtype=st.sampled_from(["uint8", "int32", "float32", "bool"]),
    shape=st.lists(st.integers(1, 4096), max_size=3).map(lambda sizes: (None, *sizes)),
)
several = st.lists(specs, min_size=1, max_size=3, unique_by=lambda spec: spec.name).map(tuple)


@st.composite
def artifacts(draw: Any, target: Target) -> Artifact:
    is_folder = target.format.is_folder
    paths = [f"{target.file}/{name}" for name in ("a", "b/c")] if is_folder else [target.file]
    return Artifact(
        target=target,
        files={path: draw(digests) for path in paths},
        size_bytes=draw(st.integers(0, 2**50)),
        inputs=draw(several),
        outputs=draw(several),
        opset=draw(st.integers(13, 18)) if target.format is Format.ONNX else None,
        note=draw(texts),
    )


descriptions = st.builds(
    Description,
    class_names=st.lists(names, max_size=12).map(tuple),
    dataset=texts,
    dataset_digest=texts,
    accuracy=st.none() | shares,
    kind=st.just(ModelKind.OUTPUTS),
    wrapped=st.booleans(),
    postprocessing=texts,
    source_digest=digests,
    note=texts,
    preprocessing=texts,
    pixel_scale=st.none() | st.tuples(shares, shares),
)
whole = st.integers(0, 99)
tolerances = st.builds(
    Tolerance,
    probability=shares,
    logit=st.none() | shares,
    flips=st.none() | whole,
    accuracy_loss=st.none() | shares,
    agreement=st.none() | shares,
    loss_images=whole,
    agreement_images=whole,
)
counts = st.builds(
    LabelCounts, changed=whole, may_change=st.none() | whole, lost=st.integers(-9, 9), may_be_lost=st.none() | whole
)
manifests = st.builds(
    Manifest,
    artifacts=st.lists(st.sampled_from(EVERY_TARGET), unique=True, max_size=3).flatmap(
        lambda targets: st.tuples(*map(artifacts, targets))
    ),
    description=descriptions,
    files=st.fixed_dictionaries({"reference.npz": digests, "parity.json": digests}),
    look=st.none(),
    versions=st.dictionaries(texts, texts, max_size=4),
    tolerances=st.dictionaries(st.sampled_from(Variant), tolerances),
    looser=st.dictionaries(st.sampled_from(Variant), st.dictionaries(texts, st.none() | shares, max_size=3)),
    counted=st.none()
    | st.builds(
        Counts,
        examples=whole,
        labels=st.dictionaries(texts, counts, max_size=2),
    ),
)


def small(kind: ModelKind = ModelKind.CLASSIFIER) -> dict[str, Any]:
    """A manifest of an ONNX file and a SavedModel for two classes of 2×2 images."""
    image = TensorSpec(name="image", dtype="uint8", shape=(None, 2, 2, 1))
    answer = TensorSpec(name="probabilities", dtype="float32", shape=(None, 2))
    made = [
        Artifact(
            target=Target(format=form, variant=Variant.FLOAT32),
            files={path: DIGEST},
            size_bytes=3,
            inputs=(image,),
            outputs=(answer,),
            opset=opset,
        )
        for form, path, opset in (
            (Format.ONNX, "model.onnx", 17),
            (Format.SAVED_MODEL, "saved_model/saved_model.pb", None),
        )
    ]
    described = Description(
        class_names=("a", "b"), dataset="d", dataset_digest="2", accuracy=0.5, source_digest=DIGEST, kind=kind
    )
    manifest = Manifest(
        artifacts=tuple(made),
        description=described,
        files={"reference.npz": DIGEST, "parity.json": DIGEST},
        look=Look(dark_background=True, content_side=None) if kind is ModelKind.CLASSIFIER else None,
        versions={},
        tolerances={},
        looser={},
        counted=None,
    )
    data: dict[str, Any] = json.loads(json.dumps(manifest.as_json()))
    return data


def changed(**changes: Any) -> dict[str, Any]:
    """The same with values at places such as `description__accuracy` and `artifacts__0__files`."""
    data = copy.deepcopy(small())
    for place, value in changes.items():
        *path, last = [int(part) if part.isdigit() else part for part in place.split("__")]
        inside: Any = data
        for part in path:
            inside = inside[part]
        inside[last] = value
    return data


def file_named(name: str) -> dict[str, Any]:
    return changed(artifacts__1__files={name: DIGEST})


@given(manifests)
def test_a_manifest_survives_json(manifest: Manifest) -> None:
    assert Manifest.from_json(json.loads(json.dumps(manifest.as_json()))) == manifest


def test_a_manifest_of_an_older_release_is_read() -> None:
    older = small()
    for name in ("version", "tolerances", "looser", "counted"):
        del older[name]

    assert Manifest.from_json(older) == Manifest.from_json(small())


def test_an_artifact_of_an_older_manifest_has_no_note() -> None:
    older = small()
    del older["artifacts"][0]["note"]

    assert Manifest.from_json(older).artifacts[0].note == ""


def test_the_manifest_names_the_digest_of_every_file_but_itself() -> None:
    assert list(Manifest.from_json(small()).digests) == [
        "reference.npz",
        "parity.json",
        "model.onnx",
        "saved_model/saved_model.pb",
    ]


def test_a_folder_without_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no .*manifest\.json: export a model there first"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"3",
        b'"text"',
        b"{}",
        b"\xff\xfe",
        b'{"artifacts": [], "description": {}}',
        b"[" * 9999,
    ],
)
def test_a_damaged_manifest_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(content)

    with pytest.raises(InputError, match=r"manifest\.json can't be read as a manifest .*: remove .* and export again"):
        read_manifest(tmp_path)


def test_a_manifest_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "manifest.json").open("wb") as file:
        file.truncate(1 << 40)

    with pytest.raises(InputError, match="it has 1099511627776 bytes but may have 16777216"):
        read_manifest(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_a_link_to_what_never_ends_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").symlink_to("/dev/zero")

    with pytest.raises(InputError, match="there is no"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("key", ["artifacts", "description", "files", "look", "versions"])
def test_a_manifest_that_lacks_a_part_is_refused(key: str) -> None:
    data = small()
    del data[key]

    with pytest.raises(ValueError, match=key):
        Manifest.from_json(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            changed(artifacts__0__format="torch"),
            "format must be one of saved_model, tflite, onnx, openvino, got 'torch'",
        ),
        (changed(artifacts__0=3), r"artifacts\[0\] must be an object"),
        (changed(artifacts__0__file="/etc/passwd"), r"artifacts\[0\]\.file must be model.onnx, got '/etc/passwd'"),
        (changed(artifacts=[small()["artifacts"][0]] * 2), "it names an artifact twice"),
        (changed(artifacts__1__variant="int8", artifacts__1__file="saved_model_int8"), "there is no int8 saved_model"),
        (changed(artifacts__0__files={}), "model.onnx has no files"),
        (changed(artifacts__0__files={"../model.onnx": DIGEST}), "'../model.onnx' is not a path of model.onnx"),
        (changed(artifacts__0__files={"/model.onnx": DIGEST}), "'/model.onnx' is not a path of model.onnx"),
        (changed(artifacts__0__files={"model.tflite": DIGEST}), "'model.tflite' is not a path of model.onnx"),
        (changed(artifacts__0__files={"model.onnx": "x"}), "'x' is not the sha256 of a file"),
        (file_named("saved_model"), "'saved_model' is not a path of saved_model"),
        (file_named("saved_model/../x"), "'saved_model/../x' is not a path of saved_model"),
        (file_named("saved_model//x"), "'saved_model//x' is not a path of saved_model"),
        (file_named("saved_model/./x"), "'saved_model/./x' is not a path of saved_model"),
        (file_named("saved_model/a\\\\b"), "is not a path of saved_model"),
        (file_named("saved_model/a\0b"), "is not a path of saved_model"),
        (changed(artifacts__0__size_bytes=-1), "model.onnx has -1 bytes"),
        (changed(artifacts__0__size_bytes=True), "size_bytes must be a whole number, got True"),
        (changed(artifacts__0__opset=None), "model.onnx has the opset None"),
        (changed(artifacts__1__opset=17), "saved_model has the opset 17"),
        (changed(artifacts__0__inputs=[]), "model.onnx must have inputs, each of a name of its own"),
        (changed(artifacts__0__outputs__0__dtype="object"), "outputs that can't be: object"),
        (changed(artifacts__0__inputs__0__shape=[2, 2, 1]), r"inputs that can't be: uint8 \(2, 2, 1\)"),
        (changed(artifacts__0__inputs__0__shape=[None, 0]), "inputs that can't be"),
        (changed(artifacts__0__inputs__0__name="x"), "does not take uint8 image"),
        (changed(artifacts__0__outputs__0__shape=[None, 3]), "of 2 classes but does not answer with as many"),
        (changed(description__class_names=["a", "b", "c"]), "of 3 classes but does not answer with as many"),
        (changed(description__class_names=["a", "b\x1b[2J"]), "class name .* holds control characters"),
        (changed(description__class_names=["a", "b\u202eb"]), r"class name 'b\\u202eb' holds control characters"),
        (changed(description__class_names=["a", 3]), r"class_names\[1\] must be text, got 3"),
        (changed(description__class_names="ab"), "class_names must be a list of strings, got 'ab'"),
        (changed(description__accuracy=1.5), "accuracy must be 0 to 1, got 1.5"),
        (changed(description__accuracy=10**400), "accuracy must be a number, got 1000"),
        (changed(description__stability_radius=0.7), "stability_radius must be 0 to 0.5, got 0.7"),
        (changed(description__source_digest="x"), "'x' is not the sha256 of a file"),
        (changed(description__wrapped="no"), "wrapped must be true or false, got 'no'"),
        (changed(description__surprise=1), "description.surprise is unknown"),
        (changed(files={"reference.npz": DIGEST}), "its files must be reference.npz and parity.json, got reference"),
        (changed(version=2), "version 2 is of a later release: update this one"),
        (changed(tolerances={"int8": {"trust": 1.0}}), "tolerances.int8.trust is unknown"),
        (changed(tolerances={"int8": {"agreement": 2.0}}), "agreement of int8 must be 0 to 1, got 2"),
        (changed(counted={"examples": "all"}), "counted.examples must be a whole number, got 'all'"),
        (changed(files=[]), r"files must be an object, got \[\]"),
        (
            {**small(ModelKind.OUTPUTS), "look": {"dark_background": True, "content_side": 3}},
            "of a model that takes none",
        ),
    ],
)
def test_what_no_export_writes_is_refused(data: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Manifest.from_json(data)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": NaN}', "it holds the number nan"),
        ('{"a": -Infinity}', "it holds the number -inf"),
        ('{"a": 1, "a": 2}', "it holds the same name twice in one object"),
        ('{"a": 9223372036854775808}', "it holds the whole number 9223372036854775808"),
        ('{"a": "\\udcff"}', "text in it holds half a character"),
        ("[" * 100_000, "it is nested more than 200 deep"),
        ('{"a": ' + "9" * 5000 + "}", "Exceeds the limit"),
    ],
)
def test_json_that_is_read_in_two_ways_or_in_none_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "manifest.json").write_text(text, encoding="utf-8")

    with pytest.raises(InputError, match=message):
        read_manifest(tmp_path)


MUTANTS = [None, True, -1, 0, 1.5, 1e999, 10**30, "", "../x", "\udc80", [], {}, [None], {"a": {}}, "x" * 10_000]


def places_in(inside: Any) -> list[tuple[Any, Any]]:
    """Every (object or list, key) below."""
    keys = inside if isinstance(inside, dict) else range(len(inside)) if isinstance(inside, list) else ()
    return [place for key in keys for place in ((inside, key), *places_in(inside[key]))]


@pytest.mark.slow
def test_a_manifest_with_any_value_exchanged_is_read_or_refused(tmp_path: Path) -> None:
    rng = random.Random(0)
    refused = 0
    for _ in range(1000):
        data = small()
        inside, key = rng.choice(places_in(data))
        inside[key] = rng.choice(MUTANTS)
        (tmp_path / "manifest.json").write_text(json.dumps(data), encoding="utf-8")
        try:
            read_manifest(tmp_path)
        except InputError:
            refused += 1

    assert 500 < refused < 1000


@pytest.mark.parametrize(
    ("words", "scale"),
    [
        ("none: raw pixel values 0 to 255; the file computes pixel × 0.5 + -1.0 itself", (0.5, -1.0)),
        (f"none: raw pixel values 0 to 255; the file computes pixel × {1 / 255!r} + 0.0 itself", (1 / 255, 0.0)),
        ("none: raw pixel values 0 to 255; the model divides them itself", None),
        ("image is pixel × 0.5 + 0.0, float32, of raw pixel values 0 to 255", None),
    ],
)
def test_a_manifest_of_before_has_its_scale_in_words(words: str, scale: tuple[float, float] | None) -> None:
    written = small()
    written["description"]["preprocessing"] = words
    del written["description"]["pixel_scale"]

    assert Manifest.from_json(written).description.pixel_scale == scale
