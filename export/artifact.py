"""The facts about exported files: formats, variants, tensors, descriptions.

Standard library only.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Self

from tuning.files.json_record import FieldError, JsonRecord


class Format(StrEnum):
    """Kinds of file: the folder of `export.formats` that holds everything about one, and whether an artifact is a
    folder instead of a file."""

    is_folder: bool

    def __new__(cls, name: str, is_folder: bool = False) -> Self:  # noqa: FBT001, FBT002 a line of the table below
        member = str.__new__(cls, name)
        member._value_ = name
        member.is_folder = is_folder
        return member

    SAVED_MODEL = "saved_model", True
    TFLITE = "tflite"
    ONNX = "onnx"
    OPENVINO = "openvino", True


class ModelKind(StrEnum):
    """How a model is served and verified: as a classifier of single images, or by its outputs alone."""

    CLASSIFIER = "classifier"
    OUTPUTS = "outputs"


class Variant(StrEnum):
    """Number types that the weights and the arithmetic of a file use.

    `bits` of a weight; `probability`: how far, 0 to 1, one may lie from the Keras model's unless another limit is asked
    for; `is_calibrated`: ranges of what layers compute are found on training examples.
    """

    bits: int
    probability: float
    is_calibrated: bool

    def __new__(cls, name: str, bits: int = 32, probability: float = 1e-5, *calibrated: bool) -> Self:
        member = str.__new__(cls, name)
        member._value_ = name
        member.bits, member.probability, member.is_calibrated = bits, probability, any(calibrated)
        return member

    FLOAT32 = "float32"
    FLOAT16 = "float16", 16, 1e-2
    DYNAMIC = "dynamic", 8, 0.1
    INT8 = "int8", 8, 0.2, True


INPUT_NAME = "image"
OUTPUT_NAME = "probabilities"
SERVING_SIGNATURE = "serving_default"
"""Under which a SavedModel and a TFLite file answer. What runs alone imports nothing of this project and repeats it."""

MANIFEST, SIGNATURE = "manifest.json", "manifest.json.sig"
PARITY = "parity.json"
REFERENCE = "reference.npz"
BENCHMARK, BENCHMARK_TABLE = "benchmark.json", "benchmark.csv"
MEASURED_LATER = frozenset((BENCHMARK, BENCHMARK_TABLE))
"""What may lie in a published folder although no export put it there."""
REPLACED = frozenset((SIGNATURE,))
"""What a publication takes away even if it has none of its own: it belongs to the manifest that was there before."""

DEFAULT_OPSET = 17
ONNX_IR_VERSION = 8


@dataclass(frozen=True, kw_only=True)
class Target(JsonRecord):
    """One file to be exported."""

    format: Format
    variant: Variant

    @property
    def file(self) -> str:
        """The name of the file, or folder, in the artifacts folder."""
        suffix = "" if self.variant is Variant.FLOAT32 else f"_{self.variant}"
        return f"{self.format}{suffix}" if self.format.is_folder else f"model{suffix}.{self.format}"


@dataclass(frozen=True, kw_only=True)
class TensorSpec(JsonRecord):
    """Name, numpy dtype name and shape of a tensor; None is the batch."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True, kw_only=True)
class Look(JsonRecord):
    """How the images that a model knows are laid out, so that a new picture can be made to look like them.

    `dark_background`: bright ink before a dark border. `content_side`: pixels that the ink's longer side usually has;
    None where there is no such border.
    """

    dark_background: bool
    content_side: int | None


@dataclass(frozen=True, kw_only=True)
class Subject(JsonRecord):
    """What a model is about: `class_names[i]` belongs to output i, `dataset` names the data it is verified on.

    `note` says what a user must know, such as that embedded digits were used instead of MNIST; else it is empty.
    """

    class_names: tuple[str, ...]
    dataset: str
    dataset_digest: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Description(Subject):
    """What a file should say about itself, so that whoever finds it alone can use it.

    `accuracy` (0 to 1) is the Keras model's on the images of the verification, `stability_radius` (0 to 0.5) half its
    smallest top-2 margin on them, both None for a model that is no classifier. `source_digest`: the sha256 of its file.
    `wrapped`: whether the file computes something before or behind the model. `preprocessing` is what a caller has to
    do, `postprocessing` what the file does with the model's answer. `pixel_scale`: (factor, offset) that the file
    computes of each pixel before the model; None if it computes nothing.
    """

    accuracy: float | None
    source_digest: str
    stability_radius: float | None = None
    kind: ModelKind = ModelKind.CLASSIFIER
    wrapped: bool = False
    preprocessing: str = "none: raw pixel values 0 to 255; the model divides them itself"
    postprocessing: str = "none"
    pixel_scale: tuple[float, float] | None = None

    @property
    def proven_by_radius(self) -> str:
        """What the label-stability radius proves, in words; empty without one."""
        if self.stability_radius is None:
            return ""
        return (
            f"a runtime whose probabilities differ from the Keras model's by less than {self.stability_radius:.3g} on "
            f"all test images of {self.dataset} gives every one of them the same label"
        )

    def with_note(self, note: str) -> Description:
        return dataclasses.replace(self, note="; ".join(filter(None, [self.note, note])))

    def as_metadata(self) -> dict[str, str]:
        """The same as texts, for formats that carry nothing else."""
        return {
            "labels": json.dumps(list(self.class_names), ensure_ascii=False),
            "kind": self.kind,
            "wrapped": "yes" if self.wrapped else "no",
            "preprocessing": self.preprocessing,
            "postprocessing": self.postprocessing,
            "dataset": self.dataset,
            "dataset_digest": self.dataset_digest,
            "accuracy": "" if self.accuracy is None else f"{self.accuracy:.6f}",
            "stability_radius": "" if self.stability_radius is None else f"{self.stability_radius:.6g}",
            "stability_radius_proves": self.proven_by_radius,
            "source_digest": self.source_digest,
            "note": self.note,
        }


@dataclass(frozen=True, kw_only=True)
class Artifact(JsonRecord):
    """A written file. `files`: sha256 of all that it consists of, by path; `note`: what is to be known of it alone;
    `loading`: how its users open it, where that is not plain."""

    _ADDED: ClassVar[tuple[str, ...]] = ("file",)
    _OMITTED: ClassVar[tuple[str, ...]] = ("loading",)
    _FLAT: ClassVar[str | None] = "target"

    target: Target
    files: Mapping[str, str]
    size_bytes: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    opset: int | None = None
    note: str = ""
    loading: str | None = None

    @property
    def file(self) -> str:
        return self.target.file

    @classmethod
    def from_json(cls, data: Any, *, place: str = "") -> Self:
        artifact = super().from_json(data, place=place)
        if data.get("file") != artifact.file:
            raise FieldError(f"{place}.file must be {artifact.file}, got {str(data.get('file'))[:80]!r}")
        return artifact


def digest_file(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_tree(folder: Path, name: str) -> dict[str, str]:
    """Path relative to `folder`, with `/` → sha256, of the file `name` or of every file below it."""
    root = folder / name
    paths = sorted(path for path in root.rglob("*") if path.is_file()) if root.is_dir() else [root]
    return {path.relative_to(folder).as_posix(): digest_file(path) for path in paths}
