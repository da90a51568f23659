"""The two answers that are not an internal error: a request that can't be met, and a verification that failed.

`InputError` is the one of `tuning.errors`: what both packages need lies there and in `tuning.files`, and is all that
this package imports of that one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tuning.errors import InputError

if TYPE_CHECKING:
    from export.artifact import Target

__all__ = ["InputError", "UnrunnableError", "UnusableError", "UnwritableError", "VerificationError"]


class VerificationError(Exception):
    """An artifact is not what it has to be: it does not agree with the model, or its bytes changed."""


class UnrunnableError(VerificationError):
    """An artifact is not opened, or was ended: its bytes are not safe to be run, or it went beyond its limits."""


class UnwritableError(InputError):
    """Some of the files that were asked for can't be written. `writable`: those that can, of other formats if none of
    them can."""

    def __init__(self, sentence: str, *, writable: Sequence[Target]) -> None:
        super().__init__(sentence)
        self.writable = tuple(writable)


class UnusableError(VerificationError):
    """Some of the files that were asked for were written and can't be used. `writable`: as of UnwritableError."""

    def __init__(self, sentence: str, *, writable: Sequence[Target]) -> None:
        super().__init__(sentence)
        self.writable = tuple(writable)
