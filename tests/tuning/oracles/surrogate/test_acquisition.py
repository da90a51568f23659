"""Expected improvement against its integral, and far from where its formula loses its digits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from tuning.oracles.surrogate.acquisition import log_expected_improvement


@pytest.mark.parametrize("mean", [-2.0, 0.0, 0.5, 2.0])
def test_it_is_the_mean_of_what_is_gained(mean: float) -> None:
    gained, _ = integrate.quad(lambda value: max(0.3 - value, 0) * stats.norm.pdf(value, mean, 0.7), -8, 8, limit=200)

    found = log_expected_improvement(np.array([mean]), np.array([0.49]), incumbent=0.3)

    assert np.exp(found[0]) == pytest.approx(gained, rel=1e-5)


def test_it_falls_with_the_mean_however_little_there_is_to_gain() -> None:
    found = log_expected_improvement(np.linspace(0, 100, 200), np.ones(200), incumbent=0.0)

    assert np.isfinite(found).all()
    assert (np.diff(found) < 0).all()


def test_what_is_certain_gains_what_it_is_better_by() -> None:
    assert np.exp(log_expected_improvement(np.array([-1.0]), np.zeros(1), incumbent=0.5)) == pytest.approx(1.5)
