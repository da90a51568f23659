"""What a ring of verification found in a file. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from export.files.strict_json import build

TEST_SET = "test set"
"""The ring that compares the answers to all examples: whoever asked for them judges them."""
SENSITIVITY = "sensitivity"
"""The ring for those who write files: whether faults in them would be seen."""


@dataclass(frozen=True, kw_only=True)
class RingFinding:
    """What a ring found. `failures`: sentences, none if the file passed; `facts`: what was measured, for the record."""

    failures: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return not self.failures


@dataclass(frozen=True, kw_only=True)
class RingResult(RingFinding):
    """The same with the name of the ring."""

    ring: str

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
