"""What `parity.json` holds: how every published file did, as it was found when it was published.

Needs numpy only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from export.artifact import PARITY, Format, ModelKind, Variant
from export.comparison.output_parity import OutputParity
from export.comparison.parity import Parity
from export.comparison.ring_result import RingResult
from export.errors import VerificationError
from export.files.strict_json import read_json
from export.layers.matching import LayerMatch
from tuning.files.json_record import JsonRecord

VERSION = 1
_RADIUS_PROVES = (
    "a runtime whose probabilities differ from the Keras model's by less than this on all of these examples gives "
    "every one of them the same label"
)


@dataclass(frozen=True, kw_only=True)
class FileRecord(JsonRecord):
    """How one file did. `sha256`: of all that it consists of, by path; `layers`: which of its tensors is which layer's.

    `only_blind`: whether it failed only because a difference would not have been seen.
    """

    _FLAT: ClassVar[str | None] = "parity"

    format: Format
    variant: Variant
    file: str
    sha256: Mapping[str, str]
    parity: Parity | OutputParity
    passed: bool
    only_blind: bool = False
    failures: tuple[str, ...] = ()
    rings: tuple[RingResult, ...] = ()
    layers: tuple[LayerMatch, ...] = ()


@dataclass(frozen=True, kw_only=True)
class VerificationRecord(JsonRecord):
    """How all files did. `stability_radius` is None for a model that is no classifier, `passed_over` as in
    `export.verification.Verification`."""

    _ADDED: ClassVar[tuple[str, ...]] = ("stability_radius_proves",)
    _OMITTED: ClassVar[tuple[str, ...]] = ("stability_radius", "stability_radius_proves")

    version: int = VERSION
    examples: int
    kind: ModelKind = ModelKind.CLASSIFIER
    stability_radius: float | None = None
    passed: bool
    passed_over: Mapping[str, str] = field(default_factory=dict)
    results: tuple[FileRecord, ...]

    def __post_init__(self) -> None:
        if (self.stability_radius is None) == (self.kind is ModelKind.CLASSIFIER):
            raise ValueError("stability_radius must be a number for a classifier, and for nothing else")

    @property
    def stability_radius_proves(self) -> str | None:
        """What follows from the radius, in words."""
        return None if self.stability_radius is None else _RADIUS_PROVES


def read_record(folder: Path) -> VerificationRecord:
    """The record of a published folder. Raises VerificationError if it can't be read."""
    path = folder / PARITY
    try:
        return VerificationRecord.from_json(read_json(path))
    except (OSError, ValueError) as error:
        raise VerificationError(f"{path} can't be read ({error}): export the model again") from error
