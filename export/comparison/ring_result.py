"""The rings that a file goes through, and what one of them found. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from export.files.strict_json import build


class Ring(StrEnum):
    """What is looked at, in this order. The last is for those who write files: whether faults in them would be seen."""

    STRUCTURE = "structure"
    TEST_SET = "test set"
    STRESS = "stress"
    HOSTILE = "hostile"
    INVARIANCE = "invariance"
    ISOLATION = "isolation"
    SENSITIVITY = "sensitivity"


@dataclass(frozen=True, kw_only=True)
class RingResult:
    """What a ring found. `failures`: sentences, none if the file passed; `facts`: what was measured, for the record."""

    ring: Ring
    failures: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return not self.failures

    def as_json(self) -> dict[str, Any]:
        return {"ring": self.ring, "passed": self.passed, "failures": list(self.failures), **self.facts}

    @classmethod
    def from_json(cls, data: Any, *, where: str = "a ring's result") -> RingResult:
        """What `as_json` made of it. Raises ValueError for anything else."""
        own = ("ring", "failures")
        if not isinstance(data, Mapping):
            raise ValueError(f"{where} must be an object")
        facts = {name: value for name, value in data.items() if name not in (*own, "passed")}
        return build(cls, {name: data[name] for name in own if name in data}, where=where, facts=facts)
