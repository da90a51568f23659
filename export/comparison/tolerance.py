"""What still counts as the same, for each number type: the limits that a file has to keep to be published.

Standard library only.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from export.artifact import Variant
from tuning.files.json_record import JsonRecord


@dataclass(frozen=True, kw_only=True)
class Tolerance(JsonRecord):
    """The limits of one number type; None where there is no such limit.

    Largest |Δ probability| ≤ `probability`; largest |Δ logit| ≤ `logit` × max(1, largest |logit|); at most `flips`
    changed labels, without that limit any number as long as each is explained (see `export.comparison.parity`); the
    share of right labels at most `accuracy_loss` below the reference's; the share of equal labels at least
    `agreement`. From `FEWEST_IMAGES` on, as many as `loss_images` and `agreement_images` are allowed even if that is a
    larger share.

    The defaults of float32 lie a factor of three above what summing in another order does (about 3e-6) and below what
    one weight in a thousand being wrong by a thousandth does. Those of the others lie a factor of two to five above
    what the coarser numbers do to well-trained small networks.
    """

    probability: float = Variant.FLOAT32.probability
    logit: float | None = 1e-5
    flips: int | None = 0
    accuracy_loss: float | None = None
    agreement: float | None = None
    loss_images: int = 0
    agreement_images: int = 0

    def changes_allowed(self, images: int) -> int | None:
        """How many of so many labels may change; None if there is no such limit."""
        if self.agreement is None:
            return None
        return _count_allowed(1 - self.agreement, self.agreement_images, images)

    def losses_allowed(self, images: int) -> int | None:
        """How many fewer of so many labels may be right, likewise."""
        return None if self.accuracy_loss is None else _count_allowed(self.accuracy_loss, self.loss_images, images)

    def looser_than(self, other: Tolerance) -> tuple[str, ...]:
        """Names of the limits that are looser here than there."""
        pairs = [(field.name, getattr(self, field.name), getattr(other, field.name)) for field in LIMITS]
        return tuple(
            name
            for name, own, theirs in pairs
            if theirs is not None and (own is None or (own < theirs if name == "agreement" else own > theirs))
        )


@dataclass(frozen=True, kw_only=True)
class LabelCounts(JsonRecord):
    """The labels that changed and were lost, and how many may; None where there is no such limit."""

    changed: int
    may_change: int | None
    lost: int
    may_be_lost: int | None


LIMITS = dataclasses.fields(Tolerance)
_SHARES = ("accuracy_loss", "agreement")


FEWEST_IMAGES, SPARED_IMAGES = 200, 2
"""Among fewer images not even one may change: they are too few to tell a coarse number type from a wrong file."""
_ROUNDING = 1e-6
"""Two of a thousand images are not more than 0.2 %, whatever 1 - 0.998 is in binary."""


def _count_allowed(share: float, spared: int, images: int) -> int:
    # NaN is no limit: nothing stays below it.
    if math.isnan(share):
        return -1
    return max(math.floor(share * images + _ROUNDING), spared if images >= FEWEST_IMAGES else 0)


def _coarse(probability: float) -> Tolerance:
    return Tolerance(
        probability=probability,
        logit=None,
        flips=None,
        accuracy_loss=0.002,
        agreement=0.998,
        loss_images=SPARED_IMAGES,
        agreement_images=SPARED_IMAGES,
    )


TOLERANCES: Mapping[Variant, Tolerance] = {
    variant: Tolerance() if variant is Variant.FLOAT32 else _coarse(variant.probability) for variant in Variant
}
"""The defaults."""


def impossible_limits(tolerances: Mapping[Variant, Tolerance]) -> Iterator[str]:
    """A sentence on each limit that no export writes."""
    for variant, tolerance in tolerances.items():
        for limit in LIMITS:
            value, most = getattr(tolerance, limit.name), 1.0 if limit.name in _SHARES else math.inf
            if value is not None and not 0 <= value <= most:
                yield f"{limit.name} of {variant} must be 0 to {most:g}, got {value:g}"


def list_looser(tolerances: Mapping[Variant, Tolerance]) -> dict[Variant, dict[str, float | None]]:
    """Number type → name of the limit → value, of every limit that is looser than its default."""
    found: dict[Variant, dict[str, float | None]] = {}
    for variant, tolerance in tolerances.items():
        names = tolerance.looser_than(TOLERANCES[variant])
        if names:
            found[variant] = {name: getattr(tolerance, name) for name in names}
    return found
