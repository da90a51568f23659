"""Reference and candidate outputs → OutputParity, for models that are verified by their outputs alone.

Needs numpy only. Outputs are arrays of (examples, …) by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from export.comparison.parity import require_finite
from export.comparison.tolerance import Tolerance
from tuning.files.json_record import JsonRecord

POWER = 100
"""How many times its limit an output must move over the examples, for a comparison of it to prove something."""

_STRICT = Tolerance()


@dataclass(frozen=True, kw_only=True)
class OutputDifference(JsonRecord):
    """How far one output is from its reference, in the output's own unit.

    `largest` is the reference's largest absolute value, `spread` the most that any one of its values moves over the
    examples. `is_exact`: whole numbers and truth values must be equal.
    """

    _ADDED: ClassVar[tuple[str, ...]] = ("limit", "has_power", "passed")

    name: str
    max_abs_error: float
    largest: float
    spread: float
    is_exact: bool
    tolerance: Tolerance

    @property
    def limit(self) -> float:
        """0 for whole numbers; of float32 files `tolerance.probability` × max(1, largest): what another order of
        summing does grows with the values summed, by about 3e-6 of the largest; below 1 the limit stays, since outputs
        near 0 are differences of larger values. Of coarser files `tolerance.probability` × spread."""
        if self.is_exact:
            return 0.0
        return self.tolerance.probability * (max(1.0, self.largest) if self._is_strict else self.spread)

    @property
    def has_power(self) -> bool:
        """Whether a fault of a hundredth of what the output does over the examples would be seen in a float32 file."""
        return self.spread > (0.0 if self.is_exact else POWER * _STRICT.probability * max(1.0, self.largest))

    @property
    def passed(self) -> bool:
        return self.max_abs_error <= self.limit

    @property
    def _is_strict(self) -> bool:
        return self.tolerance.logit is not None


@dataclass(frozen=True, kw_only=True)
class OutputParity(JsonRecord):
    """How far a candidate is from its reference, output by output."""

    _ADDED: ClassVar[tuple[str, ...]] = ("max_abs_error", "passed")

    examples: int
    outputs: tuple[OutputDifference, ...]

    def __post_init__(self) -> None:
        if not self.outputs:
            raise ValueError("outputs must be one or more")

    @property
    def tolerance(self) -> Tolerance:
        """The tolerance that all outputs were held to."""
        return self.outputs[0].tolerance

    @property
    def far(self) -> tuple[str, ...]:
        """What is outside of its limit, in words."""
        return tuple(
            f"{found.name} differs by {found.max_abs_error:.2e}, limit {found.limit:.2e}"
            for found in self.outputs
            if not found.passed
        )

    @property
    def failures(self) -> tuple[str, ...]:
        """The same, and whether nothing could have been seen."""
        if any(found.has_power for found in self.outputs):
            return self.far
        return (*self.far, "the outputs hardly move over the examples, so that equal ones prove nothing")

    @property
    def passed(self) -> bool:
        """Whether every output is within its limit, and at least one of them could have shown a fault."""
        return not self.failures

    @property
    def max_abs_error(self) -> float:
        """The largest difference of any output."""
        return max(found.max_abs_error for found in self.outputs)


def compare_outputs(
    reference: Mapping[str, np.ndarray], candidate: Mapping[str, np.ndarray], *, tolerance: Tolerance = _STRICT
) -> OutputParity:
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
        require_finite(f"the reference's {name}", values)
        require_finite(f"the candidate's {name}", found)
    return OutputParity(
        examples=len(next(iter(reference.values()))),
        outputs=tuple(_difference(name, values, candidate[name], tolerance) for name, values in reference.items()),
    )


def has_power(reference: Mapping[str, np.ndarray]) -> bool:
    """Whether any of the reference's outputs moves enough over its examples to prove something."""
    return any(_difference(name, values, values, _STRICT).has_power for name, values in reference.items())


def _difference(name: str, reference: np.ndarray, candidate: np.ndarray, tolerance: Tolerance) -> OutputDifference:
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
        tolerance=tolerance,
    )
