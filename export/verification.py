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

from export.artifact import (
    INPUT_NAME,
    MANIFEST,
    OUTPUT_NAME,
    REFERENCE,
    Artifact,
    Format,
    Kind,
    Manifest,
    digest_file,
    read_manifest,
)
from export.errors import InputError, VerificationError
from export.parity import (
    OutputParity,
    Parity,
    Probabilities,
    Tolerance,
    compare,
    compare_outputs,
    stability_radius,
)
from export.runtimes import Arrays, answer_all, check_contract, load

FLOAT32_TOLERANCE = Tolerance()

_INPUTS, _OUTPUTS = "inputs", "outputs"


@dataclass(frozen=True, kw_only=True, eq=False)
class Reference:
    """What was asked and what the Keras model answered, by the names of inputs and outputs, (examples, …) each.

    `labels`, int64 (examples,), are None for a model that is no classifier. A classifier has the one input `image` and
    the one output `probabilities`.
    """

    inputs: Mapping[str, np.ndarray]
    outputs: Mapping[str, np.ndarray]
    labels: NDArray[np.int64] | None = None

    @property
    def probabilities(self) -> Probabilities:
        """A classifier's answers."""
        return self.outputs[OUTPUT_NAME]


@dataclass(frozen=True, kw_only=True, eq=False)
class Verification:
    """Every artifact with its parity, in the manifest's order, and what it answered: by file, then by output.

    `stability_radius` is None for a model that is no classifier.
    """

    artifacts: tuple[Artifact, ...]
    parities: tuple[Parity | OutputParity, ...]
    answers: Mapping[str, Arrays]
    stability_radius: float | None

    @property
    def passed(self) -> bool:
        """Whether there is something to pass, and all of it did."""
        return bool(self.parities) and all(parity.passed for parity in self.parities)

    def as_json(self) -> dict[str, Any]:
        """What `parity.json` holds."""
        return {
            "examples": self.parities[0].examples,
            **(
                {"kind": Kind.OUTPUTS} if self.stability_radius is None else {"stability_radius": self.stability_radius}
            ),
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
    answers: dict[str, Arrays] = {}
    parities: list[Parity | OutputParity] = []
    for artifact in artifacts:
        check_digests(folder, artifact.files)
        model = load(artifact.target, folder / artifact.target.file)
        try:
            check_contract(model, artifact.inputs, artifact.outputs)
            answers[artifact.target.file] = answer_all(model, reference.inputs)
            parity = _compare(reference, answers[artifact.target.file])
        except ValueError as error:
            raise VerificationError(
                f"{artifact.target.file} can't be compared with the Keras model: {error}"
            ) from error
        parities.append(parity)
    return Verification(
        artifacts=tuple(artifacts),
        parities=tuple(parities),
        answers=answers,
        stability_radius=None if reference.labels is None else stability_radius(reference.probabilities),
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


def write_reference(path: Path, reference: Reference, answers: Mapping[str, Arrays]) -> None:
    """Write the inputs, the Keras model's answers, and each artifact's.

    Of a classifier they are called `images`, `labels`, `probabilities` and as the file that answers; of other models
    `inputs/NAME`, `outputs/NAME` and `FILE/NAME`.
    """
    if reference.labels is not None:
        arrays = {
            "images": reference.inputs[INPUT_NAME],
            "labels": reference.labels,
            "probabilities": reference.probabilities,
            **{file: answer[OUTPUT_NAME] for file, answer in answers.items()},
        }
    else:
        groups = {_INPUTS: reference.inputs, _OUTPUTS: reference.outputs, **answers}
        arrays = {f"{group}/{name}": array for group, named in groups.items() for name, array in named.items()}
    np.savez_compressed(path, allow_pickle=False, **arrays)


def read_reference(path: Path) -> Reference:
    """What `write_reference` wrote. Raises VerificationError if it is not readable."""
    try:
        # Opened here, because numpy leaves a file open that turns out to be damaged.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            if any(name.startswith(f"{_INPUTS}/") for name in archive):
                return Reference(inputs=_group(archive, _INPUTS), outputs=_group(archive, _OUTPUTS))
            return Reference(
                inputs={INPUT_NAME: archive["images"]},
                outputs={OUTPUT_NAME: archive["probabilities"]},
                labels=archive["labels"],
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise VerificationError(f"{path} can't be read ({error}): export the model again") from error


def _group(archive: Mapping[str, np.ndarray], group: str) -> dict[str, np.ndarray]:
    return {name.partition("/")[2]: archive[name] for name in archive if name.startswith(f"{group}/")}


def _compare(reference: Reference, answers: Arrays) -> Parity | OutputParity:
    if reference.labels is None:
        return compare_outputs(reference.outputs, answers)
    return compare(reference.probabilities, answers[OUTPUT_NAME], reference.labels, tolerance=FLOAT32_TOLERANCE)


def _check_foreign(folder: Path, manifest: Manifest) -> None:
    known = {*manifest.digests, MANIFEST}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in known:
            raise VerificationError(f"{path} was not published by an export: move it elsewhere or export again")
