"""Run published files on the inputs that lie beside them and compare the answers with the Keras model's."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.artifact import MANIFEST, REFERENCE, Artifact, Format, Manifest, digest_file, read_manifest
from export.errors import InputError, VerificationError
from export.parity import Parity, Probabilities, Tolerance, compare, stability_radius
from export.runtimes import load, predict

FLOAT32_TOLERANCE = Tolerance()

_KEPT_BACK = ("images", "labels", "probabilities")


@dataclass(frozen=True, kw_only=True, eq=False)
class Reference:
    """What was asked and what the Keras model answered: uint8 images, int64 labels, float32 (examples, classes)."""

    images: np.ndarray
    labels: NDArray[np.int64]
    probabilities: Probabilities


@dataclass(frozen=True, kw_only=True, eq=False)
class Verification:
    """Every artifact with its parity, in the manifest's order, and what it answered."""

    artifacts: tuple[Artifact, ...]
    parities: tuple[Parity, ...]
    answers: Mapping[str, Probabilities]
    stability_radius: float

    @property
    def passed(self) -> bool:
        """Whether there is something to pass, and all of it did."""
        return bool(self.parities) and all(parity.passed for parity in self.parities)

    def as_json(self) -> dict[str, Any]:
        """What `parity.json` holds."""
        return {
            "examples": self.parities[0].examples,
            "stability_radius": self.stability_radius,
            "passed": self.passed,
            "results": [
                {
                    "format": artifact.target.format,
                    "variant": artifact.target.variant,
                    "file": artifact.target.file,
                    "sha256": dict(artifact.files),
                    **parity.as_json(),
                }
                for artifact, parity in zip(self.artifacts, self.parities, strict=True)
            ],
        }


def verify_artifacts(folder: Path, artifacts: Sequence[Artifact], reference: Reference) -> Verification:
    """Check every file's bytes, run it in its runtime on all reference images, and compare.

    Raises VerificationError for bytes that are not the manifest's and for answers that can't be compared.
    """
    answers, parities = {}, []
    for artifact in artifacts:
        check_digests(folder, artifact.files)
        model = load(artifact.target, folder / artifact.target.file)
        try:
            answers[artifact.target.file] = predict(model, reference.images)
            parity = compare(
                reference.probabilities,
                answers[artifact.target.file],
                reference.labels,
                tolerance=FLOAT32_TOLERANCE,
            )
        except ValueError as error:
            raise VerificationError(
                f"{artifact.target.file} can't be compared with the Keras model: {error}"
            ) from error
        parities.append(parity)
    return Verification(
        artifacts=tuple(artifacts),
        parities=tuple(parities),
        answers=answers,
        stability_radius=stability_radius(reference.probabilities),
    )


def verify_folder(folder: Path, *, formats: Collection[Format]) -> Verification:
    """Check a published folder by itself alone: no file missing, changed or foreign, and every answer as it was.

    Only artifacts of `formats` are run, so that only their runtimes have to be installed. Raises InputError if
    nothing of that is published there, VerificationError naming the file otherwise.
    """
    manifest = read_manifest(folder)
    check_digests(folder, manifest.digests)
    _check_foreign(folder, manifest)
    chosen = [artifact for artifact in manifest.artifacts if artifact.target.format in formats]
    if not chosen:
        raise InputError(f"{folder} holds no {' or '.join(formats)}: export it first with python scripts/export.py")
    return verify_artifacts(folder, chosen, read_reference(folder / REFERENCE))


def check_digests(folder: Path, digests: Mapping[str, str]) -> None:
    """Raise VerificationError unless every file is there with the bytes that were published."""
    for path, digest in digests.items():
        if not (folder / path).is_file():
            raise VerificationError(f"{folder / path} is missing: export the model again")
        if digest_file(folder / path) != digest:
            raise VerificationError(f"{folder / path} was changed since it was published: export the model again")


def write_reference(path: Path, reference: Reference, answers: Mapping[str, Probabilities]) -> None:
    """Write the inputs, the Keras model's answers, and each artifact's under its file name."""
    arrays = {name: getattr(reference, name) for name in _KEPT_BACK}
    np.savez_compressed(path, allow_pickle=False, **arrays, **answers)


def read_reference(path: Path) -> Reference:
    """What `write_reference` wrote. Raises VerificationError if it is not readable."""
    try:
        # Opened here, because numpy leaves a file open that turns out to be damaged.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return Reference(**{name: archive[name] for name in _KEPT_BACK})
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise VerificationError(f"{path} can't be read ({error}): export the model again") from error


def _check_foreign(folder: Path, manifest: Manifest) -> None:
    known = {*manifest.digests, MANIFEST}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in known:
            raise VerificationError(f"{path} was not published by an export: move it elsewhere or export again")
