"""The gate: write what was asked for, verify it from the written bytes, and only then put it in place."""

from __future__ import annotations

import dataclasses
import json
import platform
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.artifact import (
    DEFAULT_OPSET,
    MANIFEST,
    PARITY,
    REFERENCE,
    Artifact,
    Description,
    Manifest,
    Subject,
    Target,
    check_opset,
    digest_file,
    read_manifest,
)
from export.errors import InputError
from export.install import install, locked, require_movable, staging_folder
from export.pictures import measure_look
from export.serving import ServingModel, load_serving_model, reference_answers
from export.verification import Reference, Verification, check_digests, verify_artifacts, write_reference
from export.writers import WriteOptions, write

ROW_SUM_SLACK = 1e-3
_RECORDED_VERSIONS = ("tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime", "ai-edge-litert", "numpy")


@dataclass(frozen=True, kw_only=True)
class ExportRequest:
    """What to export, and where to."""

    model: Path
    targets: Sequence[Target]
    folder: Path
    subject: Subject
    opset: int = DEFAULT_OPSET


def publish(
    request: ExportRequest,
    images: np.ndarray,
    labels: NDArray[np.int64],
    *,
    on_step: Callable[[str], None] = lambda step: None,
) -> Verification:
    """Export the model and verify every file on `images`, uint8 (examples, height, width, channels).

    All that was asked for is published, or nothing: unless the answer has `passed`, the folder is as it was. Formats
    published earlier from the same Keras file stay, and are verified again with the rest. Raises InputError for a
    request that can't be met and VerificationError for a written file that breaks the contract; the folder is then as
    it was, too.
    """
    check_opset(request.opset)
    if not request.targets:
        raise InputError("nothing to export: name at least one format")
    serving = load_serving_model(request.model)
    _check_examples(serving, request, images, labels)
    with locked(request.folder), staging_folder(request.folder) as staged:
        _check_folder(request.folder)
        require_movable(staged, request.folder)
        kept = _keep_earlier(request, serving.source_digest, staged)
        on_step(f"asking the model {len(images)} images")
        reference = Reference(images=images, labels=labels, probabilities=reference_answers(serving, images))
        _check_probabilities(reference, request)
        description = Description(
            **dataclasses.asdict(request.subject),
            accuracy=float((reference.probabilities.argmax(axis=1) == labels).mean()),
            source_digest=serving.source_digest,
        )
        written = []
        for target in request.targets:
            on_step(f"writing {target.file}")
            options = WriteOptions(target=target, description=description, opset=request.opset)
            written.append(write(serving, staged, options))
        on_step(f"verifying on {len(images)} images")
        verification = verify_artifacts(staged, [*kept, *written], reference)
        if verification.passed:
            write_reference(staged / REFERENCE, reference, verification.answers)
            _write_json(staged / PARITY, verification.as_json())
            manifest = Manifest(
                artifacts=verification.artifacts,
                description=description,
                files={name: digest_file(staged / name) for name in (REFERENCE, PARITY)},
                look=measure_look(images),
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


def _check_probabilities(reference: Reference, request: ExportRequest) -> None:
    rows = reference.probabilities.astype(np.float64)
    # NaN is left to the comparison, which counts such answers.
    if (rows < 0).any() or (np.abs(rows.sum(axis=1) - 1) > ROW_SUM_SLACK).any():
        raise InputError(
            f"{request.model} gives answers that are no probabilities: they must be 0 or more and sum to 1; end the "
            "model with a softmax"
        )


def _check_examples(serving: ServingModel, request: ExportRequest, images: np.ndarray, labels: np.ndarray) -> None:
    if images.dtype != np.uint8:
        raise InputError(f"the images have dtype {images.dtype} but must be uint8 pixel values 0 to 255")
    if labels.shape != images.shape[:1] or not np.issubdtype(labels.dtype, np.integer) or (labels < 0).any():
        raise InputError(
            f"the labels must be whole numbers from 0 of shape ({len(images)},), got {labels.dtype} {labels.shape}"
        )
    if images.shape[1:] != serving.input.shape[1:] or not len(images):
        raise InputError(
            f"{request.model} takes images of {serving.input.shape[1:]} but the data has {len(images)} of "
            f"{images.shape[1:]}: give the data that the model was made for"
        )
    classes = serving.output.shape[1]
    if classes is None or int(labels.max()) >= classes or classes != len(request.subject.class_names):
        raise InputError(
            f"{request.model} tells {classes} classes apart but the data has "
            f"{len(request.subject.class_names)}: give the data that the model was made for"
        )


def _keep_earlier(request: ExportRequest, source_digest: str, staged: Path) -> list[Artifact]:
    """Copy what was published earlier and is not written anew, so that it is verified with the rest."""
    if not (request.folder / MANIFEST).exists():
        return []
    manifest = read_manifest(request.folder)
    asked = set(request.targets)
    kept = [artifact for artifact in manifest.artifacts if artifact.target not in asked]
    if kept and manifest.description.source_digest != source_digest:
        names = ", ".join(artifact.target.file for artifact in kept)
        raise InputError(
            f"{request.folder} holds {names} of another model: export those formats too (--format all) or choose "
            "another --output"
        )
    for artifact in kept:
        check_digests(request.folder, artifact.files)
        for path in artifact.files:
            (staged / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(request.folder / path, staged / path)
    return kept


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
