"""The process over curves: what it learns of simulated ones, and that its gradient is right."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

from tuning.oracles.surrogate import curve_model
from tuning.oracles.surrogate.curve_model import CurveModel, Points


def simulate(configurations: int = 24, epochs: int = 6, seed: int = 0) -> tuple[Points, np.ndarray, np.ndarray]:
    """Curves over two hyperparameters, one of which decides the level; places, values, and the levels at the end."""
    random = np.random.default_rng(seed)
    rows = random.random((configurations, 2))
    levels = np.sin(3 * rows[:, 0])
    owners, progress = np.repeat(np.arange(configurations), epochs), np.tile(np.linspace(0, 1, epochs), configurations)
    values = levels[owners] + 1.5 * (1 - progress) + random.normal(0, 0.02, len(owners))
    return Points(rows=rows, owners=owners, progress=progress), values, levels


def at_the_end(rows: np.ndarray) -> Points:
    return Points(rows=rows, owners=np.arange(len(rows)), progress=np.ones(len(rows)))


def test_the_gradient_is_that_of_the_likelihood() -> None:
    points, values, _ = simulate(configurations=6, epochs=4)
    squares = curve_model._squared_differences(points.rows, points.rows)
    parameters = np.log([*curve_model._USUAL, 0.7, 1.3])

    error = optimize.check_grad(
        lambda each: curve_model._negative_likelihood(each, points, values, squares)[0],
        lambda each: curve_model._negative_likelihood(each, points, values, squares)[1],
        parameters,
    )

    assert error < 1e-4


def test_a_new_configuration_is_expected_to_end_as_ones_like_it_do() -> None:
    points, values, _ = simulate()
    new = np.array([[0.1, 0.5], [0.5, 0.5], [0.9, 0.5]])

    expected = CurveModel(points, values).predict(
        at_the_end(np.vstack([points.rows, new])), is_known=np.arange(27) < 24
    )

    assert expected.mean[24:] == pytest.approx(np.sin(3 * new[:, 0]), abs=0.15)


def test_a_curve_that_was_seen_in_part_is_continued_as_the_others_went() -> None:
    points, values, levels = simulate()
    seen = (points.owners > 0) | (points.progress < 0.5)
    cut = Points(rows=points.rows, owners=points.owners[seen], progress=points.progress[seen])

    expected = CurveModel(cut, values[seen]).predict(at_the_end(points.rows), is_known=np.ones(24, bool))

    assert expected.mean[0] == pytest.approx(levels[0], abs=0.15)
    assert expected.variance[0] > 2 * expected.variance[1:].mean()


def test_what_is_under_way_counts_as_expected_and_is_less_uncertain() -> None:
    points, values, _ = simulate(configurations=8)
    seen = points.owners < 7
    rows = at_the_end(points.rows)
    model = CurveModel(
        Points(rows=points.rows, owners=points.owners[seen], progress=points.progress[seen]), values[seen]
    )
    under_way = Points(rows=points.rows, owners=np.array([7]), progress=np.array([1.0]))

    before = model.predict(rows, is_known=np.ones(8, bool))
    after = model.as_expected(under_way).predict(rows, is_known=np.ones(8, bool))

    assert after.mean == pytest.approx(before.mean, abs=1e-6)
    assert after.variance[7] < before.variance[7] / 5


def test_values_that_are_all_alike_so_far_say_little_of_those_to_come() -> None:
    rows = np.random.default_rng(0).random((5, 2))
    first = Points(rows=rows, owners=np.arange(5), progress=np.zeros(5))

    sure, unsure = (
        CurveModel(first, np.full(5, 0.8), least_scale=scale).predict(at_the_end(rows), is_known=np.ones(5, bool))
        for scale in (0.001, 2.0)
    )

    assert unsure.scale == 2.0
    assert np.sqrt(unsure.variance).min() > 0.2 > np.sqrt(sure.variance).max()


def test_values_that_are_all_alike_are_expected_again() -> None:
    points, values, _ = simulate(configurations=3)

    expected = CurveModel(points, np.full_like(values, 2.5)).predict(at_the_end(points.rows), is_known=np.ones(3, bool))

    assert expected.mean == pytest.approx([2.5] * 3)
    assert np.isfinite(expected.variance).all()


def test_scales_are_fitted_to_a_part_of_many_points_the_end_of_every_curve_in_it() -> None:
    owners = np.repeat(np.arange(100), 5)

    chosen = curve_model._spread_out(owners)

    assert len(chosen) <= curve_model.MOST_FITTED
    assert set(np.arange(4, 500, 5)) <= set(chosen)


def test_a_space_without_columns_has_curves_all_the_same() -> None:
    points, values, _ = simulate(configurations=2)
    bare = Points(rows=np.zeros((2, 0)), owners=points.owners, progress=points.progress)

    expected = CurveModel(bare, values).predict(at_the_end(bare.rows), is_known=np.ones(2, bool))

    assert expected.mean.shape == (2,)
