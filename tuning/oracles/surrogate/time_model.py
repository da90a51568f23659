"""How long an epoch of a configuration takes, learned from those that were trained."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern

Array = NDArray[np.float64]

LENGTHSCALE = 0.6
"""Times the root of the number of columns, each 0 to 1."""
NOISE = 0.03
"""Variance of the logarithm of an epoch's seconds, beside what the hyperparameters say of it."""


class TimeModel:
    """Seconds of an epoch, on a logarithmic scale, as a smooth function of the hyperparameters."""

    def __init__(self, rows: Array, seconds: Array) -> None:
        """`rows`: (configurations, columns), each 0 to 1. `seconds`: (configurations,), above 0, one or more."""
        scale = LENGTHSCALE * math.sqrt(max(rows.shape[1], 1))
        self._process = GaussianProcessRegressor(
            Matern(length_scale=scale, nu=2.5), alpha=NOISE, optimizer=None, normalize_y=True
        )
        self._process.fit(_with_column(rows), np.log(seconds))

    def predict(self, rows: Array) -> Array:
        """(configurations,): seconds of an epoch of each."""
        found: Array = np.exp(self._process.predict(_with_column(rows)))
        return found


def _with_column(rows: Array) -> Array:
    """A space of a single configuration has no columns, and scikit-learn wants one."""
    return np.column_stack([rows, np.zeros(len(rows))])
