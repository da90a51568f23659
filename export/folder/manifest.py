"""The manifest of a published folder: what it names, and what can be known to be wrong with it without any other file.

Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Self

from export.artifact import (
    INPUT_NAME,
    MANIFEST,
    OUTPUT_NAME,
    PARITY,
    REFERENCE,
    Artifact,
    Description,
    Look,
    ModelKind,
    TensorSpec,
    Variant,
)
from export.comparison.tolerance import LabelCounts, Tolerance, impossible_limits
from export.errors import InputError
from export.files.regular_file import read_regular
from export.files.strict_json import LARGEST_BYTES, parse_json
from export.formats.format import facts
from tuning.files.json_record import FieldError, JsonRecord
from tuning.plain_names import flaw

VERSION = 1
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NUMBER = r"(-?[0-9][0-9.e+-]{0,30})"
_SCALE_IN_WORDS = re.compile(rf"the file computes pixel × {_NUMBER} \+ {_NUMBER} itself")
_BITS = {"int": (8, 16, 32, 64), "uint": (8, 16, 32, 64), "float": (16, 32, 64)}
_DTYPES = frozenset(("bool", *(f"{kind}{bits}" for kind, sizes in _BITS.items() for bits in sizes)))


@dataclass(frozen=True, kw_only=True)
class Counts(JsonRecord):
    """How many examples files were verified on, and by file what became of a classifier's labels."""

    examples: int
    labels: Mapping[str, LabelCounts] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Manifest(JsonRecord):
    """Everything that was published in a folder. `files` holds what belongs to no single artifact, `look` is None
    unless the model is a classifier of images, `tolerances` the limits by number type, `looser` those of them that are
    looser than the default, by number type and name. `counted`: what the files were verified on; None in a manifest
    that does not say it."""

    version: int = VERSION
    artifacts: tuple[Artifact, ...]
    description: Description
    files: Mapping[str, str]
    look: Look | None
    versions: Mapping[str, str]
    tolerances: Mapping[Variant, Tolerance] = field(default_factory=dict)
    looser: Mapping[Variant, Mapping[str, float | None]] = field(default_factory=dict)
    counted: Counts | None = None

    @property
    def digests(self) -> dict[str, str]:
        """Path → sha256 of every published file but the manifest itself."""
        return {
            **self.files,
            **{path: digest for artifact in self.artifacts for path, digest in artifact.files.items()},
        }

    @classmethod
    def from_json(cls, data: Any, *, place: str = "") -> Self:
        """Likewise of an older release. Raises FieldError for what no export writes, too."""
        if isinstance(data, Mapping):
            # Exports once wrote as `accepted` what the installed onnxruntime opens, which nothing reads.
            rest = {name: value for name, value in data.items() if name != "accepted"}
            data = {**rest, "description": _with_scale(rest.get("description"))}
        manifest = super().from_json(data, place=place)
        for sentence in _flaws(manifest):
            raise FieldError(sentence)
        return manifest


def _with_scale(description: Any) -> Any:
    """A description with the pixel scale that exports once gave in a sentence alone."""
    if not isinstance(description, Mapping) or "pixel_scale" in description:
        return description
    found = _SCALE_IN_WORDS.search(str(description.get("preprocessing")))
    return {**description, "pixel_scale": None if found is None else [float(found[1]), float(found[2])]}


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a published folder. Raises InputError where there is none or it is damaged."""
    return parse_manifest(read_manifest_bytes(folder), folder)


def read_manifest_bytes(folder: Path) -> bytes:
    """Its bytes. Raises InputError where there are none."""
    path = folder / MANIFEST
    if not path.is_file():
        raise InputError(f"there is no {path}: export a model there first with `export.py`")
    try:
        return read_regular(path, LARGEST_BYTES)
    except (OSError, ValueError) as error:
        raise _unreadable(folder, error) from error


def parse_manifest(content: bytes, folder: Path) -> Manifest:
    """The manifest of a published folder from its bytes. Raises InputError if they are damaged."""
    try:
        return Manifest.from_json(parse_json(content))
    except ValueError as error:
        raise _unreadable(folder, error) from error


def _unreadable(folder: Path, error: Exception) -> InputError:
    reason = error.strerror if isinstance(error, OSError) else error
    return InputError(f"{folder / MANIFEST} can't be read as a manifest ({reason}): remove {folder} and export again")


def _flaws(manifest: Manifest) -> Iterator[str]:
    targets = [artifact.target for artifact in manifest.artifacts]
    if len(set(targets)) != len(targets):
        yield "it names an artifact twice"
    if set(manifest.files) != {REFERENCE, PARITY}:
        yield f"its files must be {REFERENCE} and {PARITY}, got {', '.join(manifest.files)}"
    for digest in manifest.digests.values():
        if not _DIGEST.fullmatch(digest):
            yield f"{digest[:70]!r} is not the sha256 of a file"
    for artifact in manifest.artifacts:
        yield from _artifact_flaws(artifact)
    yield from _description_flaws(manifest.description)
    yield from impossible_limits(manifest.tolerances)
    if manifest.description.kind is ModelKind.CLASSIFIER:
        for artifact in manifest.artifacts:
            yield from _classifier_flaws(artifact, len(manifest.description.class_names))
    elif manifest.look is not None:
        yield "it says how pictures look of a model that takes none"


def _artifact_flaws(artifact: Artifact) -> Iterator[str]:
    target = artifact.target
    if target.variant not in facts(target.format).variants:
        yield f"there is no {target.variant} {target.format}"
    if not artifact.files:
        yield f"{target.file} has no files"
    for name in artifact.files:
        path = PurePosixPath(name)
        inside = path.parts[:1] == (target.file,) and (len(path.parts) > 1) == target.format.is_folder
        if not inside or ".." in path.parts or path.as_posix() != name or "\\" in name or "\0" in name:
            yield f"{name!r} is not a path of {target.file}"
    if artifact.size_bytes < 0:
        yield f"{target.file} has {artifact.size_bytes} bytes"
    if (artifact.opset is not None) != facts(target.format).has_opset:
        yield f"{target.file} has the opset {artifact.opset}"
    for what, specs in (("inputs", artifact.inputs), ("outputs", artifact.outputs)):
        if not specs or len({spec.name for spec in specs}) != len(specs):
            yield f"{target.file} must have {what}, each of a name of its own"
        for spec in specs:
            if spec.dtype not in _DTYPES or not _is_batch(spec.shape):
                yield f"{target.file} has {what} that can't be: {spec.dtype} {spec.shape}"


def _is_batch(shape: Sequence[int | None]) -> bool:
    return bool(shape) and shape[0] is None and all(size is not None and size > 0 for size in shape[1:])


def _description_flaws(description: Description) -> Iterator[str]:
    for name in description.class_names:
        if why := flaw(name):
            yield f"the class name {name!r} {why}"
    for what, value, most in (
        ("accuracy", description.accuracy, 1.0),
        ("stability_radius", description.stability_radius, 0.5),
    ):
        if value is not None and not 0 <= value <= most:
            yield f"{what} must be 0 to {most:g}, got {value:g}"
    if description.source_digest and not _DIGEST.fullmatch(description.source_digest):
        yield f"{description.source_digest[:70]!r} is not the sha256 of a file"


def _classifier_flaws(artifact: Artifact, classes: int) -> Iterator[str]:
    image, probabilities = artifact.inputs, artifact.outputs
    expected = (TensorSpec(name=OUTPUT_NAME, dtype="float32", shape=(None, classes)),)
    if len(image) != 1 or (image[0].name, image[0].dtype, len(image[0].shape)) != (INPUT_NAME, "uint8", 4):
        yield f"{artifact.target.file} is a classifier's but does not take uint8 {INPUT_NAME}"
    if probabilities != expected:
        yield f"{artifact.target.file} is a classifier's of {classes} classes but does not answer with as many"
