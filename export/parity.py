"""Reference and candidate outputs → Parity: do two runtimes give the same answers?

Needs numpy only. A classifier's outputs are float32 probabilities of shape (examples, classes); other models' are
arrays of (examples, …) by name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.float32]

SMALLEST_PROBABILITY = 1e-30

OUTPUT_TOLERANCE = 1e-5
POWER = 100
"""How many times its limit an output must move over the examples, for a comparison of it to prove something."""


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


@dataclass(frozen=True, kw_only=True)
class OutputDifference:
    """How far one output is from its reference, in the output's own unit.

    `largest` is the reference's largest absolute value, `spread` the most that any one of its values moves over the
    examples. `is_exact`: whole numbers and truth values must be equal.
    """

    name: str
    max_abs_error: float
    largest: float
    spread: float
    is_exact: bool

    @property
    def limit(self) -> float:
        """`OUTPUT_TOLERANCE` × max(1, largest): what another order of summing does grows with the values summed, by
        about 3e-6 of the largest in float32; below 1 the limit stays, since outputs near 0 are differences of larger
        values."""
        return 0.0 if self.is_exact else OUTPUT_TOLERANCE * max(1.0, self.largest)

    @property
    def has_power(self) -> bool:
        """Whether a fault of a hundredth of what the output does over the examples would be seen."""
        return self.spread > POWER * self.limit

    @property
    def passed(self) -> bool:
        return self.max_abs_error <= self.limit


@dataclass(frozen=True, kw_only=True)
class OutputParity:
    """How far a candidate is from its reference, output by output."""

    examples: int
    differences: tuple[OutputDifference, ...]

    @property
    def passed(self) -> bool:
        """Whether every output is within its limit, and at least one of them could have shown a fault."""
        return all(found.passed for found in self.differences) and any(found.has_power for found in self.differences)

    def as_json(self) -> dict[str, Any]:
        return {
            "examples": self.examples,
            "max_abs_error": max(found.max_abs_error for found in self.differences),
            "outputs": [
                {
                    **dataclasses.asdict(found),
                    "limit": found.limit,
                    "has_power": found.has_power,
                    "passed": found.passed,
                }
                for found in self.differences
            ],
            "passed": self.passed,
        }


def compare_outputs(reference: Mapping[str, np.ndarray], candidate: Mapping[str, np.ndarray]) -> OutputParity:
    """Measure every output of the candidate against the reference's of the same name, (examples, …).

    Raises ValueError if names, shapes or dtypes differ, nothing is compared, or a value is NaN or infinite.
    """
    if not reference or set(reference) != set(candidate):
        raise ValueError(f"reference {sorted(reference)} and candidate {sorted(candidate)} must have the same outputs")
    for name, values in reference.items():
        found = candidate[name]
        if values.shape != found.shape or values.dtype != found.dtype or not values.ndim:
            raise ValueError(
                f"{name} of the reference is {values.dtype} {values.shape} and of the candidate {found.dtype} "
                f"{found.shape}, but both must be the same"
            )
        if not values.size:
            raise ValueError(f"{name} must have at least one value to compare, got {values.shape}")
        _require_finite(f"the reference's {name}", values)
        _require_finite(f"the candidate's {name}", found)
    return OutputParity(
        examples=len(next(iter(reference.values()))),
        differences=tuple(_difference(name, values, candidate[name]) for name, values in reference.items()),
    )


def has_power(reference: Mapping[str, np.ndarray]) -> bool:
    """Whether any of the reference's outputs moves enough over its examples to prove something."""
    return any(_difference(name, values, values).has_power for name, values in reference.items())


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
    _require_finite("the reference's answers", reference)
    _require_finite("the candidate's answers", candidate)
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


def _require_finite(what: str, values: np.ndarray) -> None:
    bad = int((~np.isfinite(values)).reshape(len(values), -1).any(axis=1).sum())
    if bad:
        raise ValueError(f"{what} to {bad} of {len(values)} images are not finite")


def _difference(name: str, reference: np.ndarray, candidate: np.ndarray) -> OutputDifference:
    expected, found = reference.astype(np.float64), candidate.astype(np.float64)
    # Whole numbers are compared as such: beyond 2**53 two of them can be one float64.
    is_exact = not np.issubdtype(reference.dtype, np.floating)
    error = float(np.abs(expected - found).max())
    if is_exact and error == 0 and not np.array_equal(reference, candidate):
        error = 1.0
    return OutputDifference(
        name=name,
        max_abs_error=error,
        largest=float(np.abs(expected).max()),
        spread=float((expected.max(axis=0) - expected.min(axis=0)).max()),
        is_exact=is_exact,
    )


def _logits(probabilities: Probabilities) -> NDArray[np.float64]:
    """log p, computed in float64; what underflows in some runtimes and not in others is cut off at 1e-30."""
    logits: NDArray[np.float64] = np.log(np.maximum(probabilities.astype(np.float64), SMALLEST_PROBABILITY))
    return logits
