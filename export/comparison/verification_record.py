"""What `parity.json` holds: how every published file did, as it was found when it was published.

Needs numpy only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from export.artifact import PARITY, Format, ModelKind, Variant
from export.comparison.output_parity import OutputParity
from export.comparison.parity import Parity
from export.comparison.ring_result import RingResult
from export.errors import VerificationError
from export.files.strict_json import build, pop_version, read_json
from export.layers.matching import LayerMatch

VERSION = 1
_RADIUS_PROVES = (
    "a runtime whose probabilities differ from the Keras model's by less than this on all of these examples gives "
    "every one of them the same label"
)


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """How one file did. `sha256`: of all that it consists of, by path; `layers`: which of its tensors is which layer's.

    `only_blind`: whether it failed only because a difference would not have been seen.
    """

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

    def as_json(self) -> dict[str, Any]:
        return {
            "format": self.format,
            "variant": self.variant,
            "file": self.file,
            "sha256": dict(self.sha256),
            **self.parity.as_json(),
            "passed": self.passed,
            "only_blind": self.only_blind,
            "failures": list(self.failures),
            "rings": [result.as_json() for result in self.rings],
            "layers": [dataclasses.asdict(match) for match in self.layers],
        }

    @classmethod
    def from_json(cls, data: Any, *, where: str) -> FileRecord:
        """What `as_json` made of it. Raises ValueError for anything else."""
        if not isinstance(data, Mapping):
            raise ValueError(f"{where} must be an object")
        own = {field.name for field in dataclasses.fields(cls)} - {"parity", "rings"}
        compared = {name: value for name, value in data.items() if name not in {*own, "rings"}}
        kind = OutputParity if "outputs" in data else Parity
        rings = data.get("rings", [])
        if not isinstance(rings, list):
            raise ValueError(f"{where}.rings must be a list")
        return build(
            cls,
            {name: value for name, value in data.items() if name in own},
            where=where,
            parity=kind.from_json(compared, where=where),
            rings=tuple(RingResult.from_json(one, where=f"{where}.rings[{at}]") for at, one in enumerate(rings)),
        )


@dataclass(frozen=True, kw_only=True)
class VerificationRecord:
    """How all files did. `stability_radius` is None for a model that is no classifier, `passed_over` as in
    `export.verification.Verification`."""

    examples: int
    stability_radius: float | None
    passed: bool
    passed_over: Mapping[str, str] = field(default_factory=dict)
    results: tuple[FileRecord, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "examples": self.examples,
            **(
                {"kind": ModelKind.OUTPUTS}
                if self.stability_radius is None
                else {"stability_radius": self.stability_radius, "stability_radius_proves": _RADIUS_PROVES}
            ),
            "passed": self.passed,
            **({"passed_over": dict(self.passed_over)} if self.passed_over else {}),
            "results": [result.as_json() for result in self.results],
        }

    @classmethod
    def from_json(cls, data: Any) -> VerificationRecord:
        """What `as_json` made of it, now or in an older release. Raises ValueError for anything else."""
        rest = pop_version(data, newest=VERSION, where=PARITY)
        results = rest.pop("results", None)
        if not isinstance(results, list):
            raise ValueError(f"{PARITY} lacks a list of results")
        is_classifier = rest.pop("kind", ModelKind.CLASSIFIER) != ModelKind.OUTPUTS
        rest.pop("stability_radius_proves", None)
        return build(
            cls,
            rest if is_classifier else {"stability_radius": None, **rest},
            where=PARITY,
            results=tuple(FileRecord.from_json(one, where=f"results[{at}]") for at, one in enumerate(results)),
        )


def read_record(folder: Path) -> VerificationRecord:
    """The record of a published folder. Raises VerificationError if it can't be read."""
    path = folder / PARITY
    try:
        return VerificationRecord.from_json(read_json(path))
    except (OSError, ValueError) as error:
        raise VerificationError(f"{path} can't be read ({error}): export the model again") from error
