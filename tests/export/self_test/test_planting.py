"""The verification is tried with every kind of fault, and what it does not see is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from export.artifact import Format
from export.errors import InputError, VerificationError
from export.folder.manifest import read_manifest
from export.formats.metadata import check_metadata
from export.self_test import behaviour
from export.self_test.kinds import KINDS, FaultKind
from export.self_test.planting import Caught, reseal, self_test
from export.verification import verify_folder

RINGS = {
    "was changed since": "bytes",
    "is missing": "bytes",
    "was not published": "bytes",
    "says that the accuracy": "bytes",
    "can't be opened": "runtime",
    "is not a": "runtime",
    "is not opened": "runtime",
    "can't be compared": "answers",
    "says that its": "structure",
}


def first_failed_ring(folder: Path) -> str | None:
    manifest = read_manifest(folder)
    try:
        verification = verify_folder(folder, formats=[artifact.target.format for artifact in manifest.artifacts])
        for artifact in manifest.artifacts:
            check_metadata(artifact.target.format, folder / artifact.target.file, manifest.description)
    except (InputError, VerificationError) as error:
        return next(ring for words, ring in RINGS.items() if words in str(error))
    return None if verification.passed else "answers"


def named(*names: str) -> list[FaultKind]:
    return [kind for kind in KINDS if kind.name in names]


@pytest.fixture
def tried(request_for: Callable[..., Any], examples: Any, tmp_path: Path) -> Callable[..., list[Caught]]:
    def call(kinds: list[FaultKind], verify: Any = first_failed_ring) -> list[Caught]:
        return list(self_test(request_for(tmp_path / "artifacts"), *examples, verify=verify, kinds=kinds))

    return call


@pytest.mark.exhaustive
def test_every_kind_is_caught_in_every_format_that_it_is_tried_in(tried: Callable[..., list[Caught]]) -> None:
    found = tried(list(KINDS))

    assert [caught.line for caught in found if caught.ring is None] == []
    assert len(found) == sum(len(kind.formats) for kind in KINDS)
    rings = {caught.name: caught.ring for caught in found}
    assert rings["one channel × 1.01"] == "answers"
    assert rings["wrong label order"] == "structure"
    assert rings["truncated file"] == "runtime"
    assert rings["foreign file"] == "bytes"


def test_what_nothing_sees_is_told(tried: Callable[..., list[Caught]]) -> None:
    found = tried(named("sign flip", "changed byte"), verify=lambda folder: None)

    assert [caught.line for caught in found] == [
        "MISSED: sign flip",
        "MISSED: changed byte",
        "MISSED: changed byte in tflite",
        "MISSED: changed byte in openvino",
        "MISSED: changed byte in saved_model",
    ]


def test_a_caught_fault_is_told_with_its_ring(tried: Callable[..., list[Caught]]) -> None:
    found = tried(named("sign flip", "missing file"))

    assert [caught.line for caught in found] == ["caught: sign flip (answers)", "caught: missing file (bytes)"]
    assert [caught.stood_in for caught in found] == [False, False]


def test_a_fault_that_the_model_has_no_layer_for_is_planted_in_another(tried: Callable[..., list[Caught]]) -> None:
    (found,) = tried(named("channel order reversed"))

    assert found.stood_in
    assert found.line == "caught: channel order reversed (answers)"


def test_a_fault_that_the_writer_refuses_is_caught_by_the_export(tried: Callable[..., list[Caught]]) -> None:
    (found,) = tried([FaultKind(name="live dropout", in_model=behaviour.drop_as_in_training)])

    assert found.line == "caught: live dropout (export)"


def test_a_verification_that_refuses_a_correct_file_is_told(tried: Callable[..., list[Caught]]) -> None:
    with pytest.raises(
        VerificationError, match=r"model\.onnx of .*model\.keras fails without any fault planted \(answers\): a correct"
    ):
        tried(named("sign flip"), verify=lambda folder: "answers")


def test_a_kind_that_no_model_has_a_layer_for_is_an_error(tried: Callable[..., list[Caught]]) -> None:
    with pytest.raises(ValueError, match="neither the model nor its substitute has a layer for: nothing"):
        tried([FaultKind(name="nothing", in_model=lambda serving: None)])


def test_the_folder_of_the_request_is_not_touched(
    request_for: Callable[..., Any], examples: Any, published_copy: Path, snapshot: Callable[..., Any]
) -> None:
    before = snapshot(published_copy)

    list(self_test(request_for(published_copy), *examples, verify=first_failed_ring, kinds=named("missing file")))

    assert snapshot(published_copy) == before
    assert [path.name for path in published_copy.parent.iterdir()] == ["artifacts"]


def test_resealing_makes_any_change_fit(published_copy: Path) -> None:
    path = published_copy / "saved_model" / "assets.extra" / "description.json"
    path.write_bytes(path.read_bytes() + b"\n")
    assert first_failed_ring(published_copy) == "bytes"

    reseal(published_copy)

    assert first_failed_ring(published_copy) is None
    sizes = {artifact.target.format: artifact.size_bytes for artifact in read_manifest(published_copy).artifacts}
    assert sizes[Format.ONNX] == (published_copy / "model.onnx").stat().st_size
