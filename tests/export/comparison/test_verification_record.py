"""The record of a verification survives being written and read, and what no export writes is refused in a sentence."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.artifact import Format, ModelKind, Variant
from export.comparison.output_parity import OutputDifference, OutputParity
from export.comparison.parity import Differences, Flip, Parity
from export.comparison.ring_result import RingResult
from export.comparison.tolerance import Tolerance
from export.comparison.verification_record import FileRecord, VerificationRecord, read_record
from export.errors import VerificationError
from export.layers.differences import Difference
from export.layers.matching import LayerMatch

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
several = st.lists(texts, max_size=3).map(tuple)
numbers = st.floats(0, 1e30)
shares = st.floats(0, 1)
counts = st.integers(0, 10**6)
tolerances = st.builds(Tolerance, probability=shares, logit=st.none() | shares, flips=st.none() | counts)
differences = st.builds(Differences, largest=numbers, rare=numbers, mean=numbers)
flips = st.builds(Flip, image=counts, expected=counts, answered=counts, margin=shares)
parities = st.builds(
    Parity,
    examples=st.integers(1, 10**6),
    probabilities=differences,
    logits=differences,
    largest_logit=numbers,
    row_sum_error=numbers,
    label_flips=counts,
    explained_flips=counts,
    flips=st.lists(flips, max_size=2).map(tuple),
    accuracy=st.none() | shares,
    reference_accuracy=st.none() | shares,
    tolerance=tolerances,
)
outputs = st.builds(
    OutputDifference,
    name=texts,
    max_abs_error=numbers,
    largest=numbers,
    spread=numbers,
    is_exact=st.booleans(),
    tolerance=tolerances,
)
output_parities = st.builds(OutputParity, examples=counts, outputs=st.lists(outputs, min_size=1, max_size=3).map(tuple))
rings = st.builds(
    RingResult,
    ring=st.text(),
    failures=several,
    facts=st.dictionaries(st.sampled_from(["versions", "batches", "seconds"]), counts | texts | st.none()),
)
distances = st.builds(Difference, largest=numbers, relative=numbers, share=numbers, agreement=shares)
matches = st.builds(LayerMatch, layer=texts, tensor=texts, difference=distances)
files = st.builds(
    FileRecord,
    format=st.sampled_from(Format),
    variant=st.sampled_from(Variant),
    file=texts,
    sha256=st.dictionaries(texts, texts, max_size=2),
    parity=parities | output_parities,
    passed=st.booleans(),
    only_blind=st.booleans(),
    failures=several,
    rings=st.lists(rings, max_size=3).map(tuple),
    layers=st.lists(matches, max_size=2).map(tuple),
)
judged = st.floats(0, 0.5).map(lambda radius: {"stability_radius": radius}) | st.just({"kind": ModelKind.OUTPUTS})
records = st.builds(
    lambda judged, **parts: VerificationRecord(**judged, **parts),
    judged=judged,
    examples=counts,
    passed=st.booleans(),
    passed_over=st.dictionaries(texts, texts, max_size=2),
    results=st.lists(files, max_size=2).map(tuple),
)


def small() -> dict[str, Any]:
    """The record of one file of a classifier, as JSON has it."""
    distance = Differences(largest=0.0, rare=0.0, mean=0.0)
    parity = Parity(
        examples=2,
        probabilities=distance,
        logits=distance,
        largest_logit=1.0,
        row_sum_error=0.0,
        label_flips=0,
        explained_flips=0,
        flips=(),
        accuracy=0.5,
        reference_accuracy=0.5,
        tolerance=Tolerance(),
    )
    file = FileRecord(
        format=Format.ONNX, variant=Variant.FLOAT32, file="model.onnx", sha256={}, parity=parity, passed=True
    )
    record = VerificationRecord(examples=2, stability_radius=0.1, passed=True, results=(file,))
    data: dict[str, Any] = json.loads(json.dumps(record.as_json()))
    return data


def changed(**changes: Any) -> dict[str, Any]:
    """The same with values at places such as `results__0__file`."""
    data = copy.deepcopy(small())
    for place, value in changes.items():
        *path, last = [int(part) if part.isdigit() else part for part in place.split("__")]
        inside: Any = data
        for part in path:
            inside = inside[part]
        inside[last] = value
    return data


@given(records)
def test_a_record_survives_json(record: VerificationRecord) -> None:
    assert VerificationRecord.from_json(json.loads(json.dumps(record.as_json(), allow_nan=False))) == record


def test_a_record_of_an_older_release_is_read() -> None:
    older = small()
    del older["version"]
    for name in ("only_blind", "counted"):
        del older["results"][0][name]

    assert VerificationRecord.from_json(older) == VerificationRecord.from_json(small())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], r"it must be an object, got \[\]"),
        ({}, "examples is missing"),
        (changed(version=2), "version 2 is of a later release: update this one"),
        (changed(version=0), "version must be a whole number from 1 on, got 0"),
        (changed(version=True), "version must be a whole number from 1 on, got True"),
        (changed(surprise=1), "surprise is unknown"),
        (changed(passed="yes"), "passed must be true or false, got 'yes'"),
        (changed(stability_radius=None), "stability_radius must be a number for a classifier, and for nothing else"),
        (changed(kind="outputs"), "stability_radius must be a number for a classifier, and for nothing else"),
        (changed(results=3), "results must be a list, got 3"),
        (changed(results__0=3), r"results\[0\] must be an object"),
        (changed(results__0__format="torch"), r"results\[0\]\.format must be one of "),
        (changed(results__0__parity={}), r"results\[0\]\.parity is unknown"),
        (changed(results__0__flips=[3]), r"results\[0\]\.flips\[0\] must be an object, got 3"),
        (changed(results__0__trust=1), r"results\[0\]\.[a-z_]* is unknown"),
        (changed(results__0__rings=3), r"results\[0\]\.rings must be a list, got 3"),
        (changed(results__0__rings=[3]), r"results\[0\]\.rings\[0\] must be an object"),
        (changed(results__0__rings=[{"ring": 7}]), r"rings\[0\]\.ring must be text, got 7"),
        (changed(results__0__outputs=[]), r"results\[0\]\.[a-z_]* is unknown"),
        (changed(results__0__layers=[{"layer": "a"}]), r"results\[0\]\.layers\[0\]\.tensor is missing"),
    ],
)
def test_what_no_export_writes_is_refused(data: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VerificationRecord.from_json(data)


def test_a_folder_without_a_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match=r"parity\.json can't be read \(.*\): export the model again"):
        read_record(tmp_path)
