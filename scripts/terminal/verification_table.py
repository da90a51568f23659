"""Tables that more than one command prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from export.comparison.output_parity import OutputParity
from export.comparison.parity import Parity
from scripts.terminal.console import Table, dim, green, red, yellow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from export.artifact import Artifact, Variant
    from export.verification import Verification
    from scripts.terminal.console import Console, Part


def print_verification(console: Console, verification: Verification) -> None:
    """One row an artifact: size, differences from the Keras model, verdict; then what failed or was not taken."""
    pairs = list(zip(verification.artifacts, verification.parities, strict=True))
    probabilities = [(artifact, parity) for artifact, parity in pairs if isinstance(parity, Parity)]
    outputs = [(artifact, parity) for artifact, parity in pairs if isinstance(parity, OutputParity)]
    if probabilities:
        _print_probabilities(console, probabilities, verification)
    if outputs:
        _print_outputs(console, outputs, verification)
    for artifact in verification.artifacts:
        for failure in verification.failures_of(artifact):
            console.print(red(f"{artifact.target.file}: "), failure)
        if artifact.note:
            console.print(yellow("note: "), artifact.note)
    for file, reason in verification.passed_over.items():
        console.print(dim(f"{file} was not taken: {reason}"))
    if verification.artifacts and verification.passed:
        rings = [f"{result.ring}" for result in verification.rings[0]]
        console.print(dim(f"also passed: {', '.join(rings)}"))


def tell_looser(console: Console, looser: Mapping[Variant, Mapping[str, Any]]) -> None:
    """Limits that are looser than their defaults."""
    for variant, limits in looser.items():
        listed = ", ".join(f"{name} {value:g}" for name, value in limits.items())
        console.print(yellow("note: "), f"looser limits than the default for {variant}: {listed}")


def _print_probabilities(
    console: Console, pairs: Sequence[tuple[Artifact, Parity]], verification: Verification
) -> None:
    table = _table("size", "|Δp|", "limit", "equal labels", "accuracy")
    for artifact, parity in pairs:
        table.add_row(
            artifact.target.file,
            _size(artifact),
            f"{parity.max_abs_error:.1e}",
            f"{parity.tolerance.probability:.0e}",
            f"{parity.examples - parity.label_flips}",
            f"{parity.accuracy or 0:.2%}",
            _verdict(verification, artifact),
        )
    console.print_table(table)
    if verification.stability_radius is not None:
        console.print(
            dim(
                f"|Δp|: largest difference of a probability on {pairs[0][1].examples} images; a runtime that stays "
                f"below {verification.stability_radius:.1e} changes no label of theirs"
            )
        )


def _print_outputs(
    console: Console, pairs: Sequence[tuple[Artifact, OutputParity]], verification: Verification
) -> None:
    """One row an output of each artifact."""
    table = _table("size", "output", "|Δ|", "limit", "largest value")
    for artifact, parity in pairs:
        for found in parity.outputs:
            table.add_row(
                artifact.target.file,
                _size(artifact),
                found.name,
                f"{found.max_abs_error:.1e}",
                f"{found.limit:.1e}",
                f"{found.largest:.3g}",
                [
                    _verdict(verification, artifact, differs=not found.passed),
                    yellow("" if found.has_power else " (proves nothing)"),
                ],
            )
    console.print_table(table)
    console.print(dim(f"largest differences on {pairs[0][1].examples} examples"))
    if not all(found.has_power for found in pairs[0][1].outputs):
        console.print(yellow("note: "), "an output that hardly moves over the examples proves nothing")


def _table(*names: str) -> Table:
    table = Table()
    table.add_column("file")
    for name in names:
        table.add_column(name, is_right=True)
    table.add_column("verdict")
    return table


def _size(artifact: Artifact) -> str:
    return f"{artifact.size_bytes / 1000:.1f} kB"


def _verdict(verification: Verification, artifact: Artifact, *, differs: bool = False) -> Part:
    if verification.is_only_blind(artifact):
        return yellow("not judged")
    return red("DIFFERS") if differs or verification.failures_of(artifact) else green("same")
