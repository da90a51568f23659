"""Does the verification see what it is there for? Every kind of fault, planted and published, has to be caught."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export._publish import publish
from export.arrays import Arrays
from export.artifact import MANIFEST, PARITY, Artifact, Format, Subject, Target, Variant, digest_file, digest_tree
from export.errors import InputError, VerificationError
from export.folder.manifest import read_manifest
from export.formats.writer import WriteOptions, write
from export.model.serving import ServingModel, load_serving_model
from export.publishing.request import ExportRequest
from export.self_test.fixtures import CLASSES, make_images, save_model
from export.self_test.kinds import EVERYWHERE, KINDS, FaultKind

Verify = Callable[[Path], str | None]
"""Verifies a published folder: the name of the first ring that failed, None if all passed."""

WRITER = "export"
"""The ring that a fault is caught by if no file can be written with it."""


@dataclass(frozen=True, kw_only=True)
class Caught:
    """What became of one planted fault. `ring`: what saw it; None if nothing did. `stood_in`: whether the model had no
    layer for it, so that it was planted in a small model of its own."""

    name: str
    format: Format
    ring: str | None
    stood_in: bool

    @property
    def line(self) -> str:
        """What a user reads."""
        where = "" if self.format is EVERYWHERE[0] else f" in {self.format}"
        return f"MISSED: {self.name}{where}" if self.ring is None else f"caught: {self.name}{where} ({self.ring})"


@dataclass(frozen=True, kw_only=True, eq=False)
class Specimen:
    """A model that faults are planted in, what it is verified on, and where its correct files are published."""

    request: ExportRequest
    images: np.ndarray | Arrays
    labels: NDArray[np.int64] | None
    folder: Path
    published: dict[Format, Path] = field(default_factory=dict)

    def load(self) -> ServingModel:
        return load_serving_model(self.request.model, self.request.serving, examples=self.images)

    def correct(self, kind: Format, verify: Verify) -> Path:
        """A folder with the correct file, published once. Raises VerificationError if it is not accepted."""
        if kind not in self.published:
            folder = self.folder / kind / "artifacts"
            target = Target(format=kind, variant=Variant.FLOAT32)
            passed = publish(replace(self.request, folder=folder, targets=[target]), self.images, self.labels).passed
            ring = verify(folder) if passed else WRITER
            if ring is not None:
                raise VerificationError(
                    f"{target.file} of {self.request.model} fails without any fault planted ({ring}): a correct file "
                    "must pass before faults can be distinguished from it"
                )
            self.published[kind] = folder
        return self.published[kind]


def self_test(
    request: ExportRequest,
    images: np.ndarray | Arrays,
    labels: NDArray[np.int64] | None,
    *,
    verify: Verify,
    kinds: Sequence[FaultKind] = KINDS,
) -> Iterator[Caught]:
    """Plant every kind of fault in the model of the request and let `verify` find it, one result after the other.

    Everything happens in a temporary folder; the request's own is neither read nor written. `images` and `labels` as
    for `publish`; some hundred are enough. Raises InputError for a request that can't be met and VerificationError if a
    correct file is not accepted.
    """
    with tempfile.TemporaryDirectory() as work:
        own = Specimen(request=request, images=images, labels=labels, folder=Path(work) / "own")
        stand_in = _make_stand_in(Path(work) / "stand_in")
        for number, kind in enumerate(kinds):
            for written in kind.formats:
                folder = Path(work) / f"{number}_{written}" / "artifacts"
                for specimen in (own, stand_in):
                    with _without_advice():
                        planted, ring = _try(kind, written, specimen, folder, verify)
                    if planted:
                        yield Caught(name=kind.name, format=written, ring=ring, stood_in=specimen is stand_in)
                        break
                else:
                    raise ValueError(f"neither the model nor its substitute has a layer for: {kind.name}")
                shutil.rmtree(folder.parent)


def reseal(folder: Path) -> None:
    """Make the manifest, and the record of the verification, say that every file is as it should be."""
    path, parity_path = folder / MANIFEST, folder / PARITY
    content, parity = (json.loads(file.read_text(encoding="utf-8")) for file in (path, parity_path))
    for artifact in content["artifacts"]:
        artifact["files"] = digest_tree(folder, artifact["file"])
        artifact["size_bytes"] = sum((folder / name).stat().st_size for name in artifact["files"])
    for result, artifact in zip(parity["results"], content["artifacts"], strict=True):
        result["sha256"] = artifact["files"]
    parity_path.write_text(json.dumps(parity), encoding="utf-8")
    content["files"] = {name: digest_file(folder / name) for name in content["files"]}
    path.write_text(json.dumps(content), encoding="utf-8")


@contextlib.contextmanager
def _without_advice() -> Iterator[None]:
    """Keep TensorFlow from advising against tracing many functions, which is the purpose here."""
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _make_stand_in(folder: Path) -> Specimen:
    folder.mkdir()
    labels = save_model(folder / "model.keras")
    subject = Subject(class_names=tuple("abcde"[:CLASSES]), dataset="patches of colour", dataset_digest="")
    request = ExportRequest(model=folder / "model.keras", folder=folder, subject=subject)
    return Specimen(request=request, images=make_images(), labels=labels, folder=folder)


def _try(kind: FaultKind, written: Format, specimen: Specimen, folder: Path, verify: Verify) -> tuple[bool, str | None]:
    """(whether the fault could be planted, the ring that saw it)."""
    serving = None
    if kind.in_model is not None:
        serving = kind.in_model(specimen.load())
        if serving is None:
            return False, None
    shutil.copytree(specimen.correct(written, verify), folder)
    (artifact,) = read_manifest(folder).artifacts
    try:
        _plant(kind, specimen, serving, folder, artifact)
    except (InputError, VerificationError):
        return True, WRITER
    if kind.resealed:
        reseal(folder)
    return True, verify(folder)


def _plant(kind: FaultKind, specimen: Specimen, serving: Any, folder: Path, artifact: Artifact) -> None:
    if kind.in_folder is not None:
        kind.in_folder(folder, artifact)
        return
    description = read_manifest(folder).description
    if kind.in_description is not None:
        description = kind.in_description(description)
    options = WriteOptions(target=artifact.target, description=description, opset=specimen.request.opset)
    write(serving if serving is not None else specimen.load(), folder, options)
