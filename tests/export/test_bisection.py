"""A published file that was changed is compared as a whole and layer by layer, and the first wrong layer is named."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from export.artifact import Artifact, Format
from export.bisection import bisect, changed_artifacts
from export.comparison.reference import read_reference, write_reference
from export.errors import VerificationError
from export.folder.manifest import read_manifest
from export.formats.format import offered_formats
from export.verification import first_failing_ring

EVERY = list(offered_formats())


def artifact_of(folder: Path, kind: Format) -> Artifact:
    return next(artifact for artifact in read_manifest(folder).artifacts if artifact.target.format is kind)


def plant(path: Path) -> None:
    """Make a channel of the first convolution one percent larger."""
    model = onnx.load(path)
    kernel = next(tensor for tensor in model.graph.initializer if len(tensor.dims) == 4)
    values = numpy_helper.to_array(kernel).copy()
    values[np.abs(values).sum(axis=(1, 2, 3)).argmax()] *= 1.01
    kernel.CopyFrom(numpy_helper.from_array(values, kernel.name))
    onnx.save(model, path)


def test_the_wrong_layer_of_a_changed_file_is_named(published_copy: Path) -> None:
    plant(published_copy / "model.onnx")
    manifest = read_manifest(published_copy)

    (artifact,) = changed_artifacts(published_copy, manifest, EVERY)
    finding = bisect(published_copy, manifest, artifact)

    assert finding.file == "model.onnx"
    assert "labels are equal; a probability differs by " in finding.comparison
    assert finding.divergence is not None
    assert "conv" in finding.sentence
    assert "is the first to differ" in finding.sentence
    content = json.loads(json.dumps(finding.as_json(), allow_nan=False))
    assert content["layer"] == finding.divergence.layer
    assert content["difference"] > 0


def test_a_file_that_is_right_has_no_wrong_layer(published: Path) -> None:
    finding = bisect(published, read_manifest(published), artifact_of(published, Format.TFLITE))

    assert finding.comparison.endswith("every number is within its limit")
    assert finding.sentence == "no layer differs on the examples whose layers were recorded"


def test_a_saved_model_is_compared_but_not_looked_into(published: Path) -> None:
    finding = bisect(published, read_manifest(published), artifact_of(published, Format.SAVED_MODEL))

    assert finding.sentence == "the layers of a saved_model can't be looked into, only those of onnx, tflite, openvino"


def test_a_file_that_can_not_be_opened_says_so(published_copy: Path) -> None:
    (published_copy / "model.onnx").write_bytes(b"no model")

    finding = bisect(published_copy, read_manifest(published_copy), artifact_of(published_copy, Format.ONNX))

    assert "is not an ONNX file" in finding.comparison
    assert finding.sentence == "so its layers are not looked into"
    assert finding.as_json()["layer"] is None


def test_a_reference_without_layers_says_so(published_copy: Path) -> None:
    reference = read_reference(published_copy / "reference.npz")
    write_reference(published_copy / "reference.npz", dataclasses.replace(reference, trace=None), {})

    finding = bisect(published_copy, read_manifest(published_copy), artifact_of(published_copy, Format.ONNX))

    assert finding.sentence == "no layers were recorded when it was published: export the model again"


def test_where_no_file_was_changed_there_is_nothing_to_look_into(published: Path) -> None:
    with pytest.raises(
        VerificationError, match="holds no changed file that can be looked into: export the model again"
    ):
        changed_artifacts(published, read_manifest(published), EVERY)


def test_what_files_are_compared_with_must_not_have_changed(published_copy: Path) -> None:
    (published_copy / "parity.json").write_text("{}", encoding="utf-8")

    with pytest.raises(VerificationError, match=r"parity\.json was changed since it was published"):
        changed_artifacts(published_copy, read_manifest(published_copy), EVERY)


@pytest.mark.parametrize("content", ["", "{}", '{"results": [{"file": "model.onnx"}]}'])
def test_a_record_that_can_not_be_read_is_refused(published_copy: Path, content: str) -> None:
    (published_copy / "parity.json").write_text(content, encoding="utf-8")

    with pytest.raises(VerificationError, match=r"parity\.json can't be read .*: export the model again"):
        bisect(published_copy, read_manifest(published_copy), artifact_of(published_copy, Format.ONNX))


def test_the_first_failing_ring_is_told(published_copy: Path, snapshot: Callable[[Path], Any]) -> None:
    before = snapshot(published_copy)
    whole = first_failing_ring(published_copy, formats=EVERY)
    (published_copy / "foreign").write_text("", encoding="utf-8")
    foreign = first_failing_ring(published_copy, formats=EVERY)
    (published_copy / "foreign").unlink()
    plant(published_copy / "model.onnx")
    changed = first_failing_ring(published_copy, formats=EVERY)

    assert (whole, foreign, changed) == (None, "bytes", "bytes")
    assert snapshot(published_copy).keys() == before.keys()
