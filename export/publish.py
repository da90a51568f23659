"""The gate: write what was asked for, verify it from the written bytes, and only then put it in place."""

from __future__ import annotations

import dataclasses
import json
import platform
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.artifact import (
    DEFAULT_OPSET,
    INPUT_NAME,
    MANIFEST,
    PARITY,
    REFERENCE,
    Artifact,
    Description,
    Kind,
    Manifest,
    Subject,
    Target,
    check_opset,
    choose_targets,
    digest_file,
    read_manifest,
)
from export.errors import InputError, VerificationError
from export.install import install, locked, require_movable, staging_folder
from export.parity import has_power
from export.pictures import measure_look
from export.serving import ServingModel, load_serving_model, reference_answers
from export.verification import Reference, Verification, check_digests, verify_artifacts, write_reference
from export.wrapping import Arrays, ServingOptions
from export.writers import WriteOptions, write

ROW_SUM_SLACK = 1e-3
ACCURACY_SLACK = 0.01
"""Half precision, or a GPU, changes the label of an image in a thousand at most."""
_RECORDED_VERSIONS = ("tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime", "ai-edge-litert", "numpy")


@dataclass(frozen=True, kw_only=True)
class ExportRequest:
    """What to export, how it is served, and where to; without `targets`, every format in float32.

    `accuracy`, 0 to 1: what was measured on the same images when the model was made; None if nothing was.
    """

    model: Path
    folder: Path
    subject: Subject
    targets: Sequence[Target] = choose_targets([], [])
    serving: ServingOptions = field(default_factory=ServingOptions)
    opset: int = DEFAULT_OPSET
    accuracy: float | None = None


def publish(
    request: ExportRequest,
    images: np.ndarray | Arrays,
    labels: NDArray[np.int64] | None = None,
    *,
    on_step: Callable[[str], None] = lambda step: None,
) -> Verification:
    """Export the model and verify every file on `images`: uint8 (examples, height, width, channels), or for a model of
    other inputs an array of (examples, …) for each by its name. `labels`, (examples,), are a classifier's.

    All that was asked for is published, or nothing: unless the answer has `passed`, the folder is as it was. Formats
    published earlier from the same Keras file stay, and are verified again with the rest. Raises InputError for a
    request that can't be met and VerificationError for a written file that breaks the contract; the folder is then as
    it was, too.
    """
    check_opset(request.opset)
    if not request.targets:
        raise InputError("nothing to export: name at least one format")
    serving = load_serving_model(request.model, request.serving, examples=images)
    inputs = serving.front.prepare(images)
    count = len(next(iter(inputs.values())))
    if serving.kind is Kind.CLASSIFIER:
        labels = _checked_labels(labels, count)
        _check_classes(serving, request, labels)
    else:
        labels = None
    with locked(request.folder), staging_folder(request.folder) as staged:
        _check_folder(request.folder)
        require_movable(staged, request.folder)
        on_step(f"asking the model {count} {'examples' if labels is None else 'images'}")
        reference = Reference(inputs=inputs, outputs=reference_answers(serving, inputs), labels=labels)
        _check_answers(reference, request)
        description = _describe(serving, request, reference)
        _check_accuracy(description, request)
        kept = _keep_earlier(request, description, staged)
        written = []
        for target in request.targets:
            on_step(f"writing {target.file}")
            options = WriteOptions(target=target, description=description, opset=request.opset)
            written.append(write(serving, staged, options))
        on_step(f"verifying on {count} {'examples' if labels is None else 'images'}")
        verification = verify_artifacts(staged, [*kept, *written], reference)
        if verification.passed:
            write_reference(staged / REFERENCE, reference, verification.answers)
            _write_json(staged / PARITY, verification.as_json())
            manifest = Manifest(
                artifacts=verification.artifacts,
                description=description,
                files={name: digest_file(staged / name) for name in (REFERENCE, PARITY)},
                look=None if labels is None else measure_look(inputs[INPUT_NAME]),
                versions=_versions(),
            )
            _write_json(staged / MANIFEST, manifest.as_json())
            install(staged, request.folder)
    return verification


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file but must be a folder: choose another --output")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).exists():
        raise InputError(f"{folder} holds files that no export put there: choose an empty or a new folder")


def _describe(serving: ServingModel, request: ExportRequest, reference: Reference) -> Description:
    about = dataclasses.asdict(request.subject)
    accuracy = None
    if reference.labels is not None:
        accuracy = float((reference.probabilities.argmax(axis=1) == reference.labels).mean())
    return Description(
        **{**about, "note": "; ".join(filter(None, [request.subject.note, serving.note]))},
        accuracy=accuracy,
        source_digest=serving.source_digest,
        kind=serving.kind,
        wrapped=serving.wrapped,
        preprocessing=serving.front.preprocessing,
        postprocessing=serving.back.ending if serving.back.ending is not None else Description.postprocessing,
    )


def _check_accuracy(description: Description, request: ExportRequest) -> None:
    """A model that is served in another way than it was trained agrees with its files, and is wrong all the same."""
    measured, found = request.accuracy, description.accuracy
    if measured is not None and found is not None and abs(measured - found) > ACCURACY_SLACK:
        raise VerificationError(
            f"{request.model} gets {found:.2%} of the images right but {measured:.2%} when it was evaluated: it is not "
            "the same model, or it is given other pixels than it was trained on"
        )


def _check_answers(reference: Reference, request: ExportRequest) -> None:
    # NaN is left to the comparison, which counts such answers.
    if reference.labels is None:
        finite = all(np.isfinite(values).all() for values in reference.outputs.values())
        if finite and not has_power(reference.outputs):
            raise InputError(
                f"{request.model} answers all inputs with nearly the same numbers ({', '.join(reference.outputs)}), so "
                "that a comparison proves nothing: give data on which its outputs differ"
            )
        return
    rows = reference.probabilities.astype(np.float64)
    if (rows < 0).any() or (np.abs(rows.sum(axis=1) - 1) > ROW_SUM_SLACK).any():
        raise InputError(
            f"{request.model} gives answers that are no probabilities: they must be 0 or more and sum to 1; end the "
            "model with a softmax"
        )


def _checked_labels(labels: NDArray[np.int64] | None, count: int) -> NDArray[np.int64]:
    if labels is None:
        raise InputError("a classifier is verified with labels: give them or export the model with --outputs-only")
    if labels.shape != (count,) or not np.issubdtype(labels.dtype, np.integer) or (labels < 0).any():
        raise InputError(
            f"the labels must be whole numbers from 0 of shape ({count},), got {labels.dtype} {labels.shape}"
        )
    return labels


def _check_classes(serving: ServingModel, request: ExportRequest, labels: NDArray[np.int64]) -> None:
    classes = serving.outputs[0].shape[1]
    if classes is None or int(labels.max()) >= classes or classes != len(request.subject.class_names):
        raise InputError(
            f"{request.model} tells {classes} classes apart but the data has "
            f"{len(request.subject.class_names)}: give the data that the model was made for"
        )


def _keep_earlier(request: ExportRequest, description: Description, staged: Path) -> list[Artifact]:
    """Copy what was published earlier and is not written anew, so that it is verified with the rest."""
    if not (request.folder / MANIFEST).exists():
        return []
    manifest = read_manifest(request.folder)
    asked = set(request.targets)
    kept = [artifact for artifact in manifest.artifacts if artifact.target not in asked]
    names = ", ".join(artifact.target.file for artifact in kept)
    if kept and manifest.description.source_digest != description.source_digest:
        raise InputError(
            f"{request.folder} holds {names} of another model: export those formats too (--format all) or choose "
            "another --output"
        )
    if kept and _served(manifest.description) != _served(description):
        raise InputError(
            f"{request.folder} holds {names} of this model served in another way ({manifest.description.kind}, "
            f"{manifest.description.preprocessing}): export those formats too (--format all) or choose another --output"
        )
    for artifact in kept:
        check_digests(request.folder, artifact.files)
        for path in artifact.files:
            (staged / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(request.folder / path, staged / path)
    return kept


def _served(description: Description) -> tuple[object, ...]:
    return description.kind, description.wrapped, description.preprocessing, description.postprocessing


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in _RECORDED_VERSIONS:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def _write_json(path: Path, data: object) -> None:
    path.write_text(json.dumps(data, indent=2, allow_nan=False) + "\n", encoding="utf-8")
