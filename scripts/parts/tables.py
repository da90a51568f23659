"""Tables that more than one command prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from export.parity import OutputParity, Parity

if TYPE_CHECKING:
    from rich.console import Console

    from export.artifact import Artifact
    from export.verification import Verification


def print_verification(console: Console, verification: Verification) -> None:
    """One row an artifact: size, differences from the Keras model, verdict; then the limits."""
    pairs = list(zip(verification.artifacts, verification.parities, strict=True))
    probabilities = [(artifact, parity) for artifact, parity in pairs if isinstance(parity, Parity)]
    outputs = [(artifact, parity) for artifact, parity in pairs if isinstance(parity, OutputParity)]
    if probabilities:
        _print_probabilities(console, probabilities)
    if outputs:
        _print_outputs(console, outputs)


def _print_probabilities(console: Console, pairs: Sequence[tuple[Artifact, Parity]]) -> None:
    table = _table("size", "|Δp|", "|Δlogit|", "equal labels", "accuracy")
    for artifact, parity in pairs:
        table.add_row(
            artifact.target.file,
            _size(artifact),
            f"{parity.max_abs_error:.1e}",
            f"{parity.max_logit_error:.1e}",
            f"{parity.examples - parity.label_flips} of {parity.examples}",
            f"{parity.accuracy:.2%}",
            _verdict(passed=parity.passed),
        )
    console.print(table)
    tolerance = pairs[0][1].tolerance
    logit_limit = tolerance.logit * max(1.0, pairs[0][1].largest_logit)
    console.print(
        f"[dim]largest differences; limits: |Δp| {tolerance.probability:.0e}, |Δlogit| {logit_limit:.0e}, "
        "no label changed[/]"
    )


def _print_outputs(console: Console, pairs: Sequence[tuple[Artifact, OutputParity]]) -> None:
    """One row an output of each artifact."""
    table = _table("size", "output", "|Δ|", "limit", "largest value")
    for artifact, parity in pairs:
        for found in parity.differences:
            table.add_row(
                artifact.target.file,
                _size(artifact),
                escape(found.name),
                f"{found.max_abs_error:.1e}",
                f"{found.limit:.1e}",
                f"{found.largest:.3g}",
                _verdict(passed=found.passed) + ("" if found.has_power else " [yellow](proves nothing)[/]"),
            )
    console.print(table)
    console.print(f"[dim]largest differences on {pairs[0][1].examples} examples[/]")
    if not all(found.has_power for found in pairs[0][1].differences):
        console.print("[yellow]note:[/] an output that hardly moves over the examples proves nothing")


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("file", no_wrap=True)
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    return table


def _size(artifact: Artifact) -> str:
    return f"{artifact.size_bytes / 1000:.1f} kB"


def _verdict(*, passed: bool) -> str:
    return "[green]same[/]" if passed else "[red]DIFFERS[/]"
