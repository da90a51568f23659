"""Reference and candidate outputs → Parity: do two runtimes give the same answers?

Needs numpy only. Outputs are float32 probabilities of shape (examples, classes).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.float32]

SMALLEST_PROBABILITY = 1e-30


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """What still counts as the same.

    Largest |Δ probability| ≤ `probability`; largest |Δ logit| ≤ `logit` × max(1, largest |logit|); at most `flips`
    changed labels. The float32 defaults lie a factor of three above what summing in another order does (about 3e-6)
    and below what one weight in a thousand being wrong by a thousandth does.
    """

    probability: float = 1e-5
    logit: float = 1e-5
    flips: int = 0


@dataclass(frozen=True, kw_only=True)
class Parity:
    """How far a candidate is from its reference. Accuracies are shares, 0 to 1.

    A logit here is log p: softmax's input up to a constant of each row, and all that the outputs hold of it.
    A flip is explained when the reference's top-2 margin of that image is at most twice `tolerance.probability`.
    """

    examples: int
    max_abs_error: float
    max_logit_error: float
    largest_logit: float
    label_flips: int
    explained_flips: int
    accuracy: float
    reference_accuracy: float
    tolerance: Tolerance

    @property
    def agreement(self) -> float:
        """Share of equal labels."""
        return 1 - self.label_flips / self.examples

    @property
    def passed(self) -> bool:
        """Whether every rule of the tolerance holds; a NaN holds none."""
        return (
            self.max_abs_error <= self.tolerance.probability
            and self.max_logit_error <= self.tolerance.logit * max(1.0, self.largest_logit)
            and self.label_flips <= self.tolerance.flips
        )

    def as_json(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "agreement": self.agreement, "passed": self.passed}


def compare(
    reference: Probabilities, candidate: Probabilities, labels: NDArray[np.int64], *, tolerance: Tolerance
) -> Parity:
    """Measure the candidate against the reference.

    Raises ValueError if the shapes differ, nothing is compared, or an output is NaN or infinite: such an answer is
    wrong whatever the other one says.
    """
    if reference.shape != candidate.shape or reference.ndim != 2 or labels.shape != reference.shape[:1]:
        raise ValueError(
            f"reference {reference.shape}, candidate {candidate.shape} and labels {labels.shape} must describe the "
            "same images and classes"
        )
    if not len(reference):
        raise ValueError("there must be at least one image to compare, got none")
    for name, values in (("reference", reference), ("candidate", candidate)):
        bad = int((~np.isfinite(values)).any(axis=1).sum())
        if bad:
            raise ValueError(f"the {name}'s answers to {bad} of {len(values)} images are not finite")
    reference_logits, candidate_logits = _logits(reference), _logits(candidate)
    expected, answered = reference.argmax(axis=1), candidate.argmax(axis=1)
    flipped = expected != answered
    explained = flipped & (top2_margins(reference) <= 2 * tolerance.probability)
    difference = np.abs(reference.astype(np.float64) - candidate.astype(np.float64))
    return Parity(
        examples=len(reference),
        max_abs_error=float(difference.max()),
        max_logit_error=float(np.abs(reference_logits - candidate_logits).max()),
        largest_logit=float(np.abs(reference_logits).max()),
        label_flips=int(flipped.sum()),
        explained_flips=int(explained.sum()),
        accuracy=float((answered == labels).mean()),
        reference_accuracy=float((expected == labels).mean()),
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


def _logits(probabilities: Probabilities) -> NDArray[np.float64]:
    """log p, computed in float64; what underflows in some runtimes and not in others is cut off at 1e-30."""
    logits: NDArray[np.float64] = np.log(np.maximum(probabilities.astype(np.float64), SMALLEST_PROBABILITY))
    return logits
