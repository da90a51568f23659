"""How much is to be gained by training a configuration on, from what is to be expected of it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]

_FAR = -5.0
"""Standard deviations below which the plain formula loses its digits."""


def log_expected_improvement(mean: Array, variance: Array, *, incumbent: float) -> Array:
    """The logarithm of the expected improvement on `incumbent`, less is better, for normal beliefs (configurations,).

    Expected improvement: Jones, Schonlau and Welch, 1998. In logarithms it tells apart what promises hardly anything
    (Ament et al., NeurIPS 2023).
    """
    deviation = np.sqrt(np.maximum(variance, 1e-18))
    z = (incumbent - mean) / deviation
    plain = z * special.ndtr(z) + np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    # Far below the incumbent φ(z) / z², its first order.
    far = -(z**2) / 2 - math.log(math.sqrt(2 * math.pi)) - 2 * np.log(np.maximum(np.abs(z), 1.0))
    found: Array = np.log(deviation) + np.where(z > _FAR, np.log(np.maximum(plain, 1e-300)), far)
    return found
