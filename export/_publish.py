"""The gate: write what was asked for, verify it from the written bytes, and only then put it in place."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.arrays import Arrays
from export.artifact import (
    INPUT_NAME,
    MANIFEST,
    OUTPUT_NAME,
    PARITY,
    REFERENCE,
    SIGNATURE,
    Artifact,
    Description,
    ModelKind,
    Subject,
    Target,
    digest_file,
)
from export.benchmark.storing import remove_outdated
from export.comparison.parity import stability_radius
from export.comparison.reference import Reference, write_reference
from export.comparison.stress import stress_arrays, stress_images
from export.comparison.tolerance import list_looser
from export.errors import InputError
from export.folder.install import install, lock_folder, require_replaceable, staging_folder
from export.folder.look import measure_look
from export.folder.manifest import Manifest
from export.formats.targets import check_opset
from export.formats.versions import installed_versions
from export.formats.writer import prepare
from export.model.serving import ServingModel, load_serving_model, reference_function
from export.publishing.earlier import check_folder, earlier_tolerances, keep_earlier, published_targets
from export.publishing.evidence import trace_of, with_evidence
from export.publishing.request import ExportRequest
from export.publishing.request_checks import check_accuracy, check_answers, check_classes, check_labels
from export.publishing.writing import write_all
from export.verification import Standard, Verification, get_ready, verify_artifacts
from tuning.files.atomic import write_json

OnStep = Callable[[str], None]
"""Gets what is done next, in words."""


def publish(
    request: ExportRequest,
    images: np.ndarray | Arrays,
    labels: NDArray[np.int64] | None = None,
    *,
    on_step: OnStep = lambda step: None,
) -> Verification:
    """Export the model and verify every file on `images`: uint8 (examples, height, width, channels), or for a model of
    other inputs an array of (examples, …) for each by its name. `labels`, (examples,), are a classifier's.

    All that was asked for is published, or nothing: unless the answer has `passed`, the folder is as it was. Formats
    published earlier from the same Keras file stay, and are verified again with the rest. Raises InputError for a
    request that can't be met, as UnwritableError if only some formats are the reason, and VerificationError for a
    written file that breaks the contract; the folder is then as it was, too.
    """
    model = _open(request, images, labels)
    with lock_folder(request.folder), staging_folder(request.folder) as staged:
        check_folder(request.folder)
        require_replaceable(staged, request.folder)
        on_step("asking the model")
        standard = _ask(request, model)
        kept = keep_earlier(request.folder, request.targets, standard.description, staged)
        written, refused = write_all(model.serving, staged, request, standard.description, on_step)
        verification = _verify(request, staged, [*kept, *written], standard, on_step)
        if request.smallest:
            verification = _choose_smallest(verification, published_targets(request.folder), refused)
        if verification.passed:
            manifest = _seal(request, staged, verification, standard)
            left = [*install(staged, request.folder), *remove_outdated(request.folder, manifest)]
            verification = dataclasses.replace(verification, left=tuple(left))
    return verification


@dataclass(frozen=True, kw_only=True)
class _OpenedModel:
    """The model as its files will serve it, and the checked examples. `labels` is None unless it is a classifier."""

    serving: ServingModel
    inputs: Arrays
    labels: NDArray[np.int64] | None


def _open(request: ExportRequest, images: np.ndarray | Arrays, labels: NDArray[np.int64] | None) -> _OpenedModel:
    """Check the request and load its model, before anything is locked or written."""
    check_opset(request.opset)
    if not request.targets:
        raise InputError("nothing to export: name at least one format")
    prepare(request.targets)
    serving = load_serving_model(request.model, request.serving, examples=images)
    inputs = serving.preprocessing.prepare(images)
    if serving.kind is ModelKind.CLASSIFIER:
        labels = check_labels(labels, len(next(iter(inputs.values()))))
        check_classes(serving, request.subject.class_names, labels, request.model)
    else:
        labels = None
    get_ready(request.targets)
    return _OpenedModel(serving=serving, inputs=inputs, labels=labels)


def _ask(request: ExportRequest, model: _OpenedModel) -> Standard:
    """What every file must answer, from the Keras model itself."""
    reference = _reference(model.serving, model.inputs, model.labels)
    check_answers(reference, request.model)
    description = _describe(model.serving, request.subject, reference)
    check_accuracy(description, request.accuracy, request.model)
    # What was published earlier stays under the tolerances that it was published by.
    tolerances = {**request.tolerances, **earlier_tolerances(request.folder, request.targets)}
    return Standard(reference=reference, description=description, tolerances=tolerances)


def _verify(
    request: ExportRequest, staged: Path, artifacts: Sequence[Artifact], standard: Standard, on_step: OnStep
) -> Verification:
    verification = verify_artifacts(staged, artifacts, standard, limits=request.limits, on_step=on_step)
    if verification.passed or request.smallest:
        verification = with_evidence(staged, verification, standard, on_step=on_step)
    return verification


def _reference(serving: ServingModel, inputs: Arrays, labels: NDArray[np.int64] | None) -> Reference:
    ask = reference_function(serving)
    outputs = ask(inputs)
    if labels is not None:
        stress: Arrays = {
            INPUT_NAME: stress_images(inputs[INPUT_NAME], lambda images: ask({INPUT_NAME: images})[OUTPUT_NAME])
        }
    else:
        stress = stress_arrays(inputs)
    return Reference(
        inputs=inputs,
        outputs=outputs,
        labels=labels,
        stress_inputs=stress,
        stress_outputs=ask(stress),
        trace=trace_of(serving, inputs),
    )


def _choose_smallest(
    verification: Verification, earlier: frozenset[Target], refused: Mapping[Target, str]
) -> Verification:
    """Of each format the smallest file that passed, and what was published earlier; for the others, why not."""
    chosen, reasons = [], {target.file: reason for target, reason in refused.items()}
    for kind in dict.fromkeys(artifact.target.format for artifact in verification.artifacts):
        of_kind = [artifact for artifact in verification.artifacts if artifact.target.format is kind]
        passed = [artifact for artifact in of_kind if not verification.failures_of(artifact)]
        # Where nothing passed, or no fault would have been seen, all of it is kept: the whole has not passed either.
        if any(verification.is_blind(artifact) for artifact in of_kind):
            passed = []
        best = min(passed, key=lambda artifact: artifact.size_bytes, default=None)
        for artifact in of_kind:
            failures = verification.failures_of(artifact)
            if best is None or artifact is best or artifact.target in earlier:
                chosen.append(artifact)
            else:
                reasons[artifact.target.file] = "; ".join(failures) or f"larger than {best.target.file}"
    return dataclasses.replace(verification.of(chosen), passed_over=reasons)


def _seal(request: ExportRequest, staged: Path, verification: Verification, standard: Standard) -> Manifest:
    """Write what lies beside the files, and the signed manifest, and remove files that are not to be published."""
    wanted = {path for artifact in verification.artifacts for path in artifact.files}
    for path in [path for path in staged.rglob("*") if path.is_file()]:
        if path.relative_to(staged).as_posix() not in wanted:
            path.unlink()
    for folder in [path for path in staged.iterdir() if path.is_dir() and not any(path.rglob("*"))]:
        shutil.rmtree(folder)
    write_reference(staged / REFERENCE, standard.reference, verification.answers)
    write_json(staged / PARITY, verification.record.as_json())
    used = {artifact.target.variant for artifact in verification.artifacts}
    tolerances = {variant: limits for variant, limits in standard.tolerances.items() if variant in used}
    manifest = Manifest(
        artifacts=verification.artifacts,
        description=standard.description,
        files={name: digest_file(staged / name) for name in (REFERENCE, PARITY)},
        look=None if standard.reference.labels is None else measure_look(standard.reference.inputs[INPUT_NAME]),
        versions=installed_versions(),
        tolerances=tolerances,
        looser=list_looser(tolerances),
        counted=verification.counted,
    )
    write_json(staged / MANIFEST, manifest.as_json())
    if request.signer is not None:
        (staged / SIGNATURE).write_bytes(request.signer((staged / MANIFEST).read_bytes()))
    return manifest


def _describe(serving: ServingModel, subject: Subject, reference: Reference) -> Description:
    accuracy = radius = None
    if reference.labels is not None:
        accuracy = float((reference.probabilities.argmax(axis=1) == reference.labels).mean())
        radius = stability_radius(reference.probabilities)
    described = Description(
        **dataclasses.asdict(subject),
        accuracy=accuracy,
        stability_radius=radius,
        source_digest=serving.source_digest,
        kind=serving.kind,
        wrapped=serving.wrapped,
        preprocessing=serving.preprocessing.in_words,
        pixel_scale=serving.preprocessing.pixel_scale,
        postprocessing=serving.postprocessing.in_words,
    )
    return described.with_note(serving.note)
