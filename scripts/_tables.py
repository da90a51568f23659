"""Tables that more than one command prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from rich.console import Console

    from export.verification import Verification


def print_verification(console: Console, verification: Verification) -> None:
    """One row an artifact: size, differences from the Keras model, labels, accuracy, verdict."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("file", no_wrap=True)
    for name in ("size", "max |Δp|", "max |Δlogit|", "equal labels", "accuracy"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict")
    for artifact, parity in zip(verification.artifacts, verification.parities, strict=True):
        logit_limit = parity.tolerance.logit * max(1.0, parity.largest_logit)
        table.add_row(
            artifact.target.file,
            f"{artifact.size_bytes / 1000:.1f} kB",
            f"{parity.max_abs_error:.1e} {_relation(parity.max_abs_error, parity.tolerance.probability)} {parity.tolerance.probability:.0e}",
            f"{parity.max_logit_error:.1e} {_relation(parity.max_logit_error, logit_limit)} {logit_limit:.0e}",
            f"{parity.examples - parity.label_flips} of {parity.examples}",
            f"{parity.accuracy:.2%}",
            "[green]same[/]" if parity.passed else "[red]DIFFERS[/]",
        )
    console.print(table)


def _relation(value: float, limit: float) -> str:
    return "≤" if value <= limit else ">"
