"""What a published folder says about itself and can be computed again from what lies there: nothing of it is believed.

Needs numpy only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export.arrays import Arrays
from export.artifact import INPUT_NAME, MANIFEST, OUTPUT_NAME, PARITY, REFERENCE, ModelKind, TensorSpec
from export.comparison.parity import Parity, stability_radius
from export.comparison.reference import Reference
from export.comparison.tolerance import Tolerance, list_looser
from export.comparison.verification_record import VerificationRecord, read_record
from export.errors import VerificationError
from export.folder.look import measure_look
from export.folder.manifest import Manifest

_ROUNDING = 1e-9


def check_reference(manifest: Manifest, reference: Reference) -> None:
    """Raise VerificationError unless the stored inputs, answers and labels are as the manifest describes the files."""
    for flaw in _reference_flaws(manifest, reference):
        raise VerificationError(f"{REFERENCE} {flaw}: export the model again")


def check_claims(folder: Path, manifest: Manifest, reference: Reference) -> None:
    """Raise VerificationError for a number in `manifest.json` or `parity.json` that is not what the stored answers and
    the tolerances give."""
    for flaw in _manifest_flaws(folder, manifest, reference):
        raise VerificationError(f"{folder / MANIFEST} {flaw}: export the model again")
    for flaw in _record_flaws(read_record(folder), manifest, reference):
        raise VerificationError(f"{folder / PARITY} {flaw}: export the model again")


def _reference_flaws(manifest: Manifest, reference: Reference) -> Iterator[str]:
    examples = reference.examples if reference.inputs else 0
    if not examples:
        yield "holds no examples"
        return
    for artifact in manifest.artifacts:
        for what, arrays, specs in (
            ("inputs", reference.inputs, artifact.inputs),
            ("outputs", reference.outputs, artifact.outputs),
        ):
            yield from _array_flaws(what, arrays, specs, examples)
        if reference.stress_inputs:
            stressed = len(next(iter(reference.stress_inputs.values())))
            yield from _array_flaws("stress inputs", reference.stress_inputs, artifact.inputs, stressed)
            yield from _array_flaws("stress outputs", reference.stress_outputs, artifact.outputs, stressed)
    if (reference.labels is not None) != (manifest.description.kind is ModelKind.CLASSIFIER):
        yield f"is not that of a model of the kind {manifest.description.kind}"
    if reference.labels is not None:
        yield from _label_flaws(reference.labels, examples, len(manifest.description.class_names))


def _array_flaws(what: str, arrays: Arrays, specs: Sequence[TensorSpec], examples: int) -> Iterator[str]:
    if set(arrays) != {spec.name for spec in specs}:
        yield f"has the {what} {', '.join(sorted(arrays))} but must have {', '.join(spec.name for spec in specs)}"
        return
    for spec in specs:
        found = arrays[spec.name]
        if found.dtype.name != spec.dtype or found.shape != (examples, *spec.shape[1:]):
            yield f"has {what} {spec.name} of {found.dtype} {found.shape} for {examples} examples of {spec.shape[1:]}"
        elif np.issubdtype(found.dtype, np.floating) and "outputs" in what and not np.isfinite(found).all():
            yield f"has {what} {spec.name} that are not finite"


def _label_flaws(labels: np.ndarray, examples: int, classes: int) -> Iterator[str]:
    if labels.dtype != np.int64 or labels.shape != (examples,):
        yield f"has labels of {labels.dtype} {labels.shape} but must have int64 ({examples},)"
    elif labels.min() < 0 or labels.max() >= classes:
        yield f"has labels from {labels.min()} to {labels.max()} but must have 0 to {classes - 1}"


def _manifest_flaws(folder: Path, manifest: Manifest, reference: Reference) -> Iterator[str]:
    described = manifest.description
    accuracy = radius = look = None
    if reference.labels is not None:
        accuracy = float((reference.outputs[OUTPUT_NAME].argmax(axis=1) == reference.labels).mean())
        radius = stability_radius(reference.outputs[OUTPUT_NAME])
        look = measure_look(reference.inputs[INPUT_NAME])
    yield from _unequal("accuracy", described.accuracy, accuracy)
    yield from _unequal("stability radius", described.stability_radius, radius)
    if manifest.look != look:
        yield f"says that pictures look like {manifest.look} but the stored ones like {look}"
    looser = list_looser(manifest.tolerances)
    if manifest.looser != looser:
        yield f"says that the limits {dict(manifest.looser)} are looser than the default but {looser} are"
    for artifact in manifest.artifacts:
        size_bytes = sum((folder / path).stat().st_size for path in artifact.files)
        if artifact.size_bytes != size_bytes:
            yield f"says that {artifact.target.file} has {artifact.size_bytes} bytes but it has {size_bytes}"
    if manifest.counted is not None and manifest.counted.examples != reference.examples:
        yield f"counts {manifest.counted.examples} examples but {REFERENCE} holds {reference.examples}"


def _record_flaws(record: VerificationRecord, manifest: Manifest, reference: Reference) -> Iterator[str]:
    if not record.passed:
        yield "says that the files did not pass, and what did not pass is not published"
    if record.examples != reference.examples:
        yield f"counts {record.examples} examples but {REFERENCE} holds {reference.examples}"
    if reference.labels is not None:
        radius = stability_radius(reference.outputs[OUTPUT_NAME])
        yield from _unequal("stability radius", record.stability_radius, radius)
    results = {result.file: result for result in record.results}
    if list(results) != [artifact.target.file for artifact in manifest.artifacts]:
        yield f"is about {', '.join(results)} but others are published"
        return
    for artifact in manifest.artifacts:
        result = results[artifact.target.file]
        if result.sha256 != artifact.files or not result.passed:
            yield f"is about another {artifact.target.file}"
        tolerance = manifest.tolerances.get(artifact.target.variant, Tolerance())
        if manifest.tolerances and result.parity.tolerance != tolerance:
            yield f"held {artifact.target.file} to other limits than {MANIFEST} says"
        if isinstance(result.parity, Parity) != (reference.labels is not None):
            yield f"is about a {artifact.target.file} of another kind than {manifest.description.kind}"
        elif isinstance(result.parity, Parity):
            yield from _unequal("accuracy", result.parity.reference_accuracy, manifest.description.accuracy)


def _unequal(what: str, claimed: Any, computed: float | None) -> Iterator[str]:
    if claimed is None or computed is None:
        if claimed is not computed:
            yield f"says that the {what} is {claimed} but it is {computed}"
    elif not math.isclose(claimed, computed, rel_tol=0, abs_tol=_ROUNDING):
        yield f"says that the {what} is {claimed:.6g} but the stored answers give {computed:.6g}"
