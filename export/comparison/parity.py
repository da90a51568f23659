"""Reference and candidate probabilities → Parity: do two runtimes give the same answers?

Needs numpy only. Probabilities are float32 of shape (examples, classes).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from export.arrays import Probabilities
from export.comparison.tolerance import FEWEST_IMAGES, LabelCounts, Tolerance
from tuning.files.json_record import JsonRecord

SMALLEST_PROBABILITY = 1e-30
RARE = 0.999
"""The quantile of the differences that is reported beside the largest one."""
NAMED_FLIPS = 100
ROW_SUM_SLACK = 1e-4
"""How far from 1 the probabilities of an image may sum, beyond what the reference's do."""


@dataclass(frozen=True, kw_only=True)
class Flip(JsonRecord):
    """An image whose label changed: its number, both labels, and by how much the reference preferred its own."""

    image: int
    expected: int
    answered: int
    margin: float


@dataclass(frozen=True, kw_only=True)
class Differences(JsonRecord):
    """Absolute differences of all numbers: the largest, the 99.9th percentile, the mean."""

    largest: float
    rare: float
    mean: float


@dataclass(frozen=True, kw_only=True)
class Parity(JsonRecord):
    """How far a candidate is from its reference. Accuracies are shares, 0 to 1; None where there are no labels.

    A logit here is log p: softmax's input up to a constant of each row, and all that the outputs hold of it.
    `row_sum_error`: how much further from 1 an image's probabilities sum than the reference's do.
    A flip is explained when the reference's top-2 margin of that image is at most twice `tolerance.probability`: then
    differences within the limit are enough for it. `flips`: `NAMED_FLIPS` at most, those of the largest margins first.
    """

    _ADDED: ClassVar[tuple[str, ...]] = (
        "max_abs_error",
        "max_logit_error",
        "agreement",
        "counted",
        "failures",
        "passed",
    )

    examples: int
    probabilities: Differences
    logits: Differences
    largest_logit: float
    row_sum_error: float
    label_flips: int
    explained_flips: int
    flips: tuple[Flip, ...]
    accuracy: float | None
    reference_accuracy: float | None
    tolerance: Tolerance

    @property
    def max_abs_error(self) -> float:
        """Largest |Δ probability|."""
        return self.probabilities.largest

    @property
    def max_logit_error(self) -> float:
        """Largest |Δ logit|."""
        return self.logits.largest

    @property
    def agreement(self) -> float:
        """Share of equal labels."""
        return 1 - self.label_flips / self.examples

    @property
    def logit_limit(self) -> float | None:
        """The largest |Δ logit| that passes; None if any does."""
        return None if self.tolerance.logit is None else self.tolerance.logit * max(1.0, self.largest_logit)

    @property
    def failures(self) -> tuple[str, ...]:
        """The limits that are exceeded, in words; a NaN exceeds every limit."""
        limits = [
            (
                self.max_abs_error <= self.tolerance.probability,
                f"a probability differs by {self.max_abs_error:.2e}, limit {self.tolerance.probability:.0e}",
            ),
            (
                self.logit_limit is None or self.max_logit_error <= self.logit_limit,
                f"a logit differs by {self.max_logit_error:.2e}, limit {self.logit_limit or 0:.1e}",
            ),
            (
                self.row_sum_error <= ROW_SUM_SLACK,
                f"probabilities of an image sum to 1 ± {self.row_sum_error:.1e}, limit {ROW_SUM_SLACK:.0e}",
            ),
            (self._flips_allowed(), self._describe_flips()),
            (
                self._few_enough_changes(),
                f"{self.label_flips} of {self.examples} labels changed, {_most(self.changes_allowed)} may"
                f"{self._too_few(self.tolerance.agreement_images)}",
            ),
            (
                self._few_enough_losses(),
                f"{self.lost} fewer of {self.examples} labels are right, {_most(self.losses_allowed)} may be lost"
                f"{self._too_few(self.tolerance.loss_images)}",
            ),
        ]
        return tuple(sentence for holds, sentence in limits if not holds)

    @property
    def lost(self) -> int:
        """How many fewer labels are right than the reference's; 0 where nothing is known to be right."""
        if self.accuracy is None or self.reference_accuracy is None:
            return 0
        return round((self.reference_accuracy - self.accuracy) * self.examples)

    @property
    def changes_allowed(self) -> int | None:
        """How many labels may change; None if there is no such limit."""
        return self.tolerance.changes_allowed(self.examples)

    @property
    def losses_allowed(self) -> int | None:
        """How many fewer labels may be right, likewise."""
        return self.tolerance.losses_allowed(self.examples)

    @property
    def counted(self) -> LabelCounts:
        """What the manifest says of it."""
        return LabelCounts(
            changed=self.label_flips,
            may_change=self.changes_allowed if self.tolerance.flips is None else self.tolerance.flips,
            lost=self.lost,
            may_be_lost=self.losses_allowed,
        )

    @property
    def fails_by_counts_only(self) -> bool:
        """Whether nothing is wrong but that more labels changed, or were lost, than may."""
        counts = sum((not self._few_enough_changes(), not self._few_enough_losses()))
        return len(self.failures) == counts > 0

    @property
    def passed(self) -> bool:
        """Whether every limit of the tolerance is kept."""
        return not self.failures

    def _flips_allowed(self) -> bool:
        if self.tolerance.flips is not None:
            return self.label_flips <= self.tolerance.flips
        return self.label_flips == self.explained_flips

    def _describe_flips(self) -> str:
        if not self.flips:
            return ""
        worst = self.flips[0]
        return (
            f"{self.label_flips} labels changed, {self.explained_flips} of them explained by the limit: image "
            f"{worst.image} from {worst.expected} to {worst.answered}, which the model prefers by {worst.margin:.3g}"
        )

    def _few_enough_changes(self) -> bool:
        return self.changes_allowed is None or self.label_flips <= self.changes_allowed

    def _few_enough_losses(self) -> bool:
        return self.losses_allowed is None or self.lost <= self.losses_allowed

    def _too_few(self, spared: int) -> str:
        """Why none of so many images may be spared."""
        if not spared or self.examples >= FEWEST_IMAGES:
            return ""
        return f": fewer than {FEWEST_IMAGES} images can't judge how many are too many"


def _most(allowed: int | None) -> str:
    return f"at most {allowed}" if allowed else "none"


def compare(
    reference: Probabilities, candidate: Probabilities, labels: NDArray[np.int64] | None, *, tolerance: Tolerance
) -> Parity:
    """Measure the candidate against the reference; `labels`, (examples,), None where nothing is known to be right.

    Raises ValueError if the shapes differ, nothing is compared, or an output is NaN or infinite: such an answer is
    wrong whatever the other one says.
    """
    if (
        reference.shape != candidate.shape
        or reference.ndim != 2
        or (labels is not None and labels.shape != reference.shape[:1])
    ):
        raise ValueError(
            f"reference {reference.shape}, candidate {candidate.shape} and labels "
            f"{None if labels is None else labels.shape} must describe the same images and classes"
        )
    if not len(reference):
        raise ValueError("there must be at least one image to compare, got none")
    require_finite("the reference's answers", reference)
    require_finite("the candidate's answers", candidate)
    reference_logits, candidate_logits = _logits(reference), _logits(candidate)
    expected, answered = reference.argmax(axis=1), candidate.argmax(axis=1)
    flipped = np.flatnonzero(expected != answered)
    margins = top2_margins(reference[flipped]) if len(flipped) else np.empty(0)
    worst = flipped[np.argsort(-margins, kind="stable")][:NAMED_FLIPS]
    return Parity(
        examples=len(reference),
        probabilities=_differences(reference.astype(np.float64), candidate.astype(np.float64)),
        logits=_differences(reference_logits, candidate_logits),
        largest_logit=float(np.abs(reference_logits).max()),
        row_sum_error=max(0.0, _row_sum_error(candidate) - _row_sum_error(reference)),
        label_flips=len(flipped),
        explained_flips=int((margins <= 2 * tolerance.probability).sum()),
        flips=tuple(
            Flip(image=int(at), expected=int(expected[at]), answered=int(answered[at]), margin=float(margin))
            for at, margin in zip(worst, -np.sort(-margins), strict=False)
        ),
        accuracy=None if labels is None else float((answered == labels).mean()),
        reference_accuracy=None if labels is None else float((expected == labels).mean()),
        tolerance=tolerance,
    )


def top2_margins(probabilities: Probabilities) -> NDArray[np.float64]:
    """Largest minus second largest probability of each row, float64 (examples,); there must be 2 classes or more."""
    top = np.partition(probabilities.astype(np.float64), -2, axis=1)[:, -2:]
    margins: NDArray[np.float64] = top[:, 1] - top[:, 0]
    return margins


def stability_radius(reference: Probabilities) -> float:
    """Half the smallest top-2 margin of (examples, classes), 0 to 0.5: a runtime that stays within it on these images
    changes none of their labels."""
    return float(top2_margins(reference).min() / 2)


def require_finite(what: str, values: np.ndarray) -> None:
    """Raise ValueError if any of (examples, …) holds NaN or infinity."""
    bad = int((~np.isfinite(values)).reshape(len(values), -1).any(axis=1).sum())
    if bad:
        raise ValueError(f"{what} to {bad} of {len(values)} images are not finite")


def _row_sum_error(probabilities: Probabilities) -> float:
    return float(np.abs(probabilities.sum(axis=1, dtype=np.float64) - 1).max())


def _differences(reference: NDArray[np.float64], candidate: NDArray[np.float64]) -> Differences:
    found = np.abs(reference - candidate)
    return Differences(
        largest=float(found.max()), rare=float(np.quantile(found, RARE, method="higher")), mean=float(found.mean())
    )


def _logits(probabilities: Probabilities) -> NDArray[np.float64]:
    """log p, computed in float64; what underflows in some runtimes and not in others is cut off at 1e-30."""
    logits: NDArray[np.float64] = np.log(np.maximum(probabilities.astype(np.float64), SMALLEST_PROBABILITY))
    return logits
