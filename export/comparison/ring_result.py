"""What a ring of verification found in a file. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tuning.files.json_record import JsonRecord

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
class RingResult(RingFinding, JsonRecord):
    """The same with the name of the ring."""

    _ADDED: ClassVar[tuple[str, ...]] = ("passed",)
    _FLAT: ClassVar[str | None] = "facts"

    ring: str
