"""Tables that more than one command prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from rich.console import Console

    from export.verification import Verification


def print_verification(console: Console, verification: Verification) -> None:
    """One row an artifact: size, differences from the Keras model, labels, accuracy, verdict; then the limits."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("file", no_wrap=True)
    for name in ("size", "|Δp|", "|Δlogit|", "equal labels", "accuracy"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for artifact, parity in zip(verification.artifacts, verification.parities, strict=True):
        table.add_row(
            artifact.target.file,
            f"{artifact.size_bytes / 1000:.1f} kB",
            f"{parity.max_abs_error:.1e}",
            f"{parity.max_logit_error:.1e}",
            f"{parity.examples - parity.label_flips} of {parity.examples}",
            f"{parity.accuracy:.2%}",
            "[green]same[/]" if parity.passed else "[red]DIFFERS[/]",
        )
    console.print(table)
    tolerance = verification.parities[0].tolerance
    logit_limit = tolerance.logit * max(1.0, verification.parities[0].largest_logit)
    console.print(
        f"[dim]largest differences; limits: |Δp| {tolerance.probability:.0e}, |Δlogit| {logit_limit:.0e}, "
        "no label changed[/]"
    )
