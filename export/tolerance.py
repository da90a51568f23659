"""What still counts as the same, for each number type: the rules that a file has to keep to be published.

Standard library only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from export.artifact import Variant
from export.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """The rules of one number type; None where there is no such rule.

    Largest |Δ probability| ≤ `probability`; largest |Δ logit| ≤ `logit` × max(1, largest |logit|); at most `flips`
    changed labels, without that rule any number as long as each is explained (see `export.parity`); the share of right
    labels at most `accuracy_loss` below the reference's; the share of equal labels at least `agreement`.

    The defaults of float32 lie a factor of three above what summing in another order does (about 3e-6) and below what
    one weight in a thousand being wrong by a thousandth does. Those of the others lie a factor of two to five above
    what the coarser numbers do to well-trained small networks.
    """

    probability: float = 1e-5
    logit: float | None = 1e-5
    flips: int | None = 0
    accuracy_loss: float | None = None
    agreement: float | None = None

    def looser_than(self, other: Tolerance) -> tuple[str, ...]:
        """Names of the rules that are looser here than there."""
        pairs = [(field.name, getattr(self, field.name), getattr(other, field.name)) for field in RULES]
        return tuple(
            name
            for name, own, theirs in pairs
            if theirs is not None and (own is None or (own < theirs if name == "agreement" else own > theirs))
        )


RULES = dataclasses.fields(Tolerance)


def _coarse(probability: float) -> Tolerance:
    return Tolerance(probability=probability, logit=None, flips=None, accuracy_loss=0.002, agreement=0.998)


TOLERANCES: Mapping[Variant, Tolerance] = {
    Variant.FLOAT32: Tolerance(),
    Variant.FLOAT16: _coarse(1e-2),
    Variant.DYNAMIC: _coarse(0.1),
    Variant.INT8: _coarse(0.2),
}
"""The defaults."""


def recorded(rules: Mapping[Variant, Mapping[str, Any]]) -> dict[Variant, Tolerance]:
    """The rules as `manifest.json` holds them. Raises InputError for rules that do not exist."""
    try:
        return {variant: Tolerance(**named) for variant, named in rules.items()}
    except TypeError as error:
        raise InputError(f"the manifest's rules can't be read ({error}): export the model again") from error


def loosened(tolerances: Mapping[Variant, Tolerance]) -> dict[str, dict[str, Any]]:
    """Number type → rule → value, of every rule that is looser than its default."""
    found = {}
    for variant, tolerance in tolerances.items():
        names = tolerance.looser_than(TOLERANCES[variant])
        if names:
            found[variant.value] = {name: getattr(tolerance, name) for name in names}
    return found
