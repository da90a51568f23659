"""What is measured: a published file, a file of Keras's own export, or the Keras model itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from export.artifact import Artifact, Format, Target, TensorSpec, Variant, digest_file
from export.errors import InputError
from export.folder.manifest import Manifest
from export.formats.format import facts

if TYPE_CHECKING:
    from export.model.own_code import OwnCode

BATCHES = (1, 32, 256)


class Exporter(StrEnum):
    """Who made what is measured."""

    PUBLISHED = "published"
    MODEL_EXPORT = "model.export"
    MODEL_PREDICT = "model.predict"


@dataclass(frozen=True, kw_only=True)
class BenchmarkedModel:
    """One thing to be measured. `format` is None for the Keras model, whose `path` is its file.

    `files`: path in the folder → sha256 of what was published. `size_bytes`: of all its files together.
    """

    name: str
    maker: Exporter
    format: Format | None
    variant: Variant
    path: Path
    files: Mapping[str, str]
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class KerasSource:
    """The Keras model that the published files were made from.

    `served`: the inputs of the published files. `scale`: (factor, offset) of the pixels that the model gets, if the
    files compute that for it. `load_code`: gives the user's own code, in whichever process the model is loaded in, so
    that it must be something that can be pickled.
    """

    path: Path
    served: tuple[TensorSpec, ...]
    scale: tuple[float, float] | None
    load_code: Callable[[], OwnCode] | None = None


def published_candidates(folder: Path, artifacts: Sequence[Artifact]) -> list[BenchmarkedModel]:
    """One for each artifact."""
    return [
        BenchmarkedModel(
            name=artifact.target.file,
            maker=Exporter.PUBLISHED,
            format=artifact.target.format,
            variant=artifact.target.variant,
            path=folder / artifact.target.file,
            files=artifact.files,
            size_bytes=artifact.size_bytes,
        )
        for artifact in artifacts
    ]


def predict_candidate(source: KerasSource) -> BenchmarkedModel:
    """The Keras model, asked by `model.predict`."""
    return BenchmarkedModel(
        name=Exporter.MODEL_PREDICT,
        maker=Exporter.MODEL_PREDICT,
        format=None,
        variant=Variant.FLOAT32,
        path=source.path,
        files={},
        size_bytes=source.path.stat().st_size,
    )


def export_candidate(kind: Format, path: Path | None) -> BenchmarkedModel:
    """A file that `model.export` wrote, of a format that has `keras_export`; `path` None where it could not."""
    named = facts(kind).keras_export
    assert named is not None
    return BenchmarkedModel(
        name=f"{Exporter.MODEL_EXPORT} {named[0]}",
        maker=Exporter.MODEL_EXPORT,
        format=kind,
        variant=Variant.FLOAT32,
        path=path if path is not None else Path(),
        files={},
        size_bytes=path.stat().st_size if path is not None else 0,
    )


def choose_artifacts(manifest: Manifest, targets: Collection[Target]) -> tuple[Artifact, ...]:
    """What was published of these. Raises InputError if nothing was."""
    chosen = tuple(artifact for artifact in manifest.artifacts if artifact.target in targets)
    if not chosen:
        published = ", ".join(artifact.target.file for artifact in manifest.artifacts)
        raise InputError(f"nothing of that was published, only {published}: export it first or choose among these")
    return chosen


def find_keras_source(path: Path, manifest: Manifest, load_code: Callable[[], OwnCode] | None = None) -> KerasSource:
    """The Keras file that the published ones were made from.

    Raises InputError if there is none at `path`, or if it is another one.
    """
    if not path.is_file():
        raise InputError(f"there is no {path}: name the Keras file with --model to measure it too")
    if digest_file(path) != manifest.description.source_digest:
        raise InputError(
            f"{path} is not the model that the files were made from: name that with --model or export again"
        )
    return KerasSource(
        path=path,
        served=manifest.artifacts[0].inputs,
        scale=manifest.description.pixel_scale,
        load_code=load_code,
    )
