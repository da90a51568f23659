"""What a user can do where files of an export can't be written or differ: the whole command, to be copied."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from export.artifact import Target, Variant
from export.comparison.parity import Parity
from export.errors import UnusableError, UnwritableError
from export.formats.targets import AUTO, options_for
from scripts import _entry

if TYPE_CHECKING:
    from export.artifact import Artifact
    from export.verification import Verification
    from scripts.terminal.console import Console

_WHICH = ("--format", "--variant")
_COUNTS = ("--agreement", "--accuracy-loss")


def add_command(error: UnwritableError | UnusableError, variants: Collection[str]) -> UnwritableError | UnusableError:
    """The same refusal with the command that writes the files that can be written, if there are any.

    `variants`: the number types that were asked for.
    """
    if not error.writable:
        return error
    options = options_for(error.writable)
    words, files = options.words, [target.file for target in error.writable if target in options.targets]
    if AUTO in variants:
        formats = dict.fromkeys(target.format for target in error.writable)
        words = (*(word for kind in formats for word in ("--format", kind)), "--variant", AUTO)
        files = [f"the smallest {kind}" for kind in formats]
    command = _entry.same_command(*words, without=_WHICH)
    return type(error)(f"{error}; this command writes {' and '.join(files)}: {command}", writable=error.writable)


def print_advice(
    console: Console, verification: Verification, asked: Sequence[Target], variants: Sequence[str]
) -> None:
    """The commands that would publish something, where the verification has failed.

    `asked`: the targets; `variants`: the number types as they were asked for.
    """
    failed = [artifact for artifact in verification.artifacts if verification.failures_of(artifact)]
    # What was published earlier, and fails now, would fail again; what can't be judged is not fixed that way.
    if any(
        artifact.target not in asked or verification.is_blind(artifact) or verification.is_only_blind(artifact)
        for artifact in failed
    ):
        return
    passed = [artifact.target for artifact in verification.artifacts if artifact not in failed]
    others = [target for target in passed if target in asked]
    if others and AUTO not in variants:
        command = _entry.same_command(*options_for(others).words, without=_WHICH)
        console.print(f"without what failed: {command}")
    if AUTO not in variants and all(artifact.target.variant is not Variant.FLOAT32 for artifact in failed):
        command = _entry.same_command("--variant", AUTO, without=["--variant"])
        console.print(f"of each format the smallest file within its tolerance: {command}")
    shares = _shares(verification, failed)
    if shares:
        command = _entry.same_command(*shares, without=_COUNTS)
        console.print(f"if so many changed labels are fine: {command}")


def _shares(verification: Verification, failed: Sequence[Artifact]) -> list[str]:
    """The options that would let every failed file pass; none if something else than counts of labels failed."""
    parities = [verification.parities[verification.artifacts.index(artifact)] for artifact in failed]
    rings = [len(verification.failures_of(artifact)) for artifact in failed]
    by_counts = [parity for parity in parities if isinstance(parity, Parity) and parity.fails_by_counts_only]
    if len(by_counts) < len(failed) or rings != [len(parity.failures) for parity in by_counts]:
        return []
    words = []
    if any(parity.changes_allowed is not None and parity.label_flips > parity.changes_allowed for parity in by_counts):
        equal = min(parity.agreement for parity in by_counts)
        words += ["--agreement", f"{math.floor(10_000 * equal) / 100:g}"]
    if any(parity.losses_allowed is not None and parity.lost > parity.losses_allowed for parity in by_counts):
        lost = max(parity.lost / parity.examples for parity in by_counts)
        words += ["--accuracy-loss", f"{math.ceil(10_000 * lost) / 100:g}"]
    return words
