"""A Gaussian process over hyperparameters and epochs: learning curves seen in part → where they will end.

The idea is freeze-thaw's (Swersky, Snoek and Adams, 2014): configurations that are alike end alike and fall alike, and
each curve has a course of its own besides. Here a curve is a level at the horizon plus a slope over the logarithm of
the epochs, both of which are a smooth function of the hyperparameters plus a deviation of the configuration's own, and
all curves share a course. The kernel is a sum of such parts, whose scales and lengthscales are fitted by maximum a
posteriori (Rasmussen and Williams, 2006, chapter 5).
"""

from __future__ import annotations

import copy
import dataclasses
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize

Array = NDArray[np.float64]

LENGTHSCALE = 0.18
"""Times the root of the number of columns: the usual lengthscale of a column of 0 to 1, which grows with the root as
Hvarfner et al., ICML 2024, have it."""
LENGTHSCALE_SPREAD = 1.0
SCALE_SPREAD = 1.3
COURSE_WIDTH, WIGGLE_WIDTH = 0.11, 0.43
"""Lengthscales, of the logarithm of the epochs from 0 to 1: of what all curves share, and of a curve's own wiggles."""
MOST_STEPS = 20
MOST_FITTED = 160
"""Points that scales and lengthscales are fitted to; a step takes the cube of their number. All points predict."""
_JITTER = 1e-8

_PARTS = ("level", "slope", "course", "own_level", "own_slope", "wiggle", "offset", "noise")
_USUAL = (2.6, 0.18, 0.29, 0.02, 0.18, 0.03, 1.0, 0.0002)
"""Prior medians of the parts' variances, for values of unit variance.

These and the constants above were found by a random search for what predicts best, of curves seen in part and of new
configurations: the density of their ends, and their order. It saw four tables of small perceptrons and one of 1,000
images of MNIST. On two others, of `scripts/bench tables`, they predict better than constants set by hand did, though
not as well as on these.
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class Points:
    """Places on curves: row i is the configuration `owners[i]` after `progress[i]`.

    `rows`: (configurations, columns), each 0 to 1. `owners`: (points,), numbers of rows. `progress`: (points,), the
    logarithm of the epochs as a share of that of the horizon, 0 to 1. `tasks`: (configurations,), which data set each
    was trained on; None: all on one. Values of one data set differ from those of another by an offset.
    """

    rows: Array
    owners: NDArray[np.int64]
    progress: Array
    tasks: NDArray[np.int64] | None = None

    def is_of_same_task(self, other: Points) -> Array:
        """(points, other points), 1 or 0; all 0 where there is but one, which needs no offset."""
        if self.tasks is None or other.tasks is None:
            return np.zeros((len(self.owners), len(other.owners)))
        found: Array = (self.tasks[self.owners][:, None] == other.tasks[other.owners][None, :]).astype(float)
        return found


@dataclass(frozen=True, kw_only=True, eq=False)
class Prediction:
    """Of each point: mean and variance of the value without noise, both (points,). `scale`: how much values differ."""

    mean: Array
    variance: Array
    scale: float


class CurveModel:
    """The process, fitted to values (points,) of which less is better, at places on curves."""

    def __init__(self, points: Points, values: Array, *, least_scale: float = 0.0) -> None:
        """`least_scale`: how much values differ at least, however alike those are that were seen so far."""
        self._center, self._scale = float(values.mean()), max(float(values.std()), least_scale) or 1.0
        self._parameters = _fit(points, (values - self._center) / self._scale)
        self._condition(points, (values - self._center) / self._scale)

    def _condition(self, points: Points, values: Array) -> None:
        self._points, self._values = points, values
        squares = _squared_differences(points.rows, points.rows)
        self._factor = linalg.cholesky(_kernel(self._parameters, points, squares)[0], lower=True)
        self._weights = linalg.cho_solve((self._factor, True), values)

    def as_expected(self, points: Points) -> CurveModel:
        """The process if the values at more points of its configurations were just those that it expects.

        Fantasies of what is under way: Snoek, Larochelle and Adams, NeurIPS 2012; the mean alone, as it is cheapest
        (kriging believer: Ginsbourger et al., 2010).
        """
        expected = self._reduce(points, np.ones(len(points.rows), bool))[1]
        model = copy.copy(self)
        joined = Points(
            rows=self._points.rows,
            owners=np.concatenate([self._points.owners, points.owners]),
            progress=np.concatenate([self._points.progress, points.progress]),
            tasks=self._points.tasks,
        )
        model._condition(joined, np.concatenate([self._values, expected]))
        return model

    def predict(self, points: Points, *, is_known: NDArray[np.bool_]) -> Prediction:
        """What is to be expected at `points`, without noise.

        `is_known`: (rows,), the rows that are those of the fitted points, by the same numbers; the others are new
        configurations.
        """
        solved, mean = self._reduce(points, is_known)
        variance = np.maximum(self._prior_variance(points) - (solved**2).sum(axis=0), _JITTER)
        return Prediction(mean=mean * self._scale + self._center, variance=variance * self._scale**2, scale=self._scale)

    def _reduce(self, points: Points, is_known: NDArray[np.bool_]) -> tuple[Array, Array]:
        cross = self._cross(points, is_known)
        return linalg.solve_triangular(self._factor, cross, lower=True), cross.T @ self._weights

    def _cross(self, points: Points, is_known: NDArray[np.bool_]) -> Array:
        """(fitted points, points)"""
        fitted = self._points
        lengths = np.exp(self._parameters[len(_PARTS) :])
        radius = np.sqrt(np.maximum(_squared_differences(fitted.rows, points.rows) @ (1 / lengths**2), 0.0))
        alike = _matern(radius)[np.ix_(fitted.owners, points.owners)]
        same = (fitted.owners[:, None] == points.owners[None, :]) & is_known[points.owners][None, :]
        likeness = _Likeness(level=alike, own=same.astype(float), task=fitted.is_of_same_task(points))
        parts = _parts(self._parameters, likeness, fitted.progress, points.progress)
        total: Array = np.sum(parts, axis=0)
        return total

    def _prior_variance(self, points: Points) -> Array:
        level, slope, course, own_level, own_slope, wiggle, offset = np.exp(self._parameters[: len(_PARTS) - 1])
        offset = 0.0 if self._points.tasks is None else offset
        found: Array = level + own_level + course + wiggle + offset + (slope + own_slope) * (1 - points.progress) ** 2
        return found


@dataclass(frozen=True, kw_only=True, eq=False)
class _Likeness:
    """Of two sets of points, all (points, points): how alike their configurations are, and whether it is the same one,
    and the same data set."""

    level: Array
    own: Array
    task: Array


def _fit(points: Points, values: Array) -> Array:
    """The logarithms of the parts' variances and of the lengthscales, by maximum a posteriori."""
    columns = points.rows.shape[1]
    usual = math.log(LENGTHSCALE * math.sqrt(max(columns, 1)))
    center = np.array([*np.log(_USUAL), *[usual] * columns])
    spread = np.array([SCALE_SPREAD] * len(_PARTS) + [LENGTHSCALE_SPREAD] * columns)
    chosen = _spread_out(points.owners)
    fitted = dataclasses.replace(points, owners=points.owners[chosen], progress=points.progress[chosen])
    squares = _squared_differences(points.rows, points.rows)

    def loss(parameters: Array) -> tuple[float, Array]:
        away = (parameters - center) / spread
        value, gradient = _negative_likelihood(parameters, fitted, values[chosen], squares)
        return value + float(away @ away) / 2, gradient + away / spread

    found = optimize.minimize(
        loss,
        center,
        jac=True,
        method="L-BFGS-B",
        bounds=[(middle - 4 * width, middle + 4 * width) for middle, width in zip(center, spread, strict=True)],
        options={"maxiter": MOST_STEPS},
    )
    parameters: Array = found.x
    return parameters


def _negative_likelihood(parameters: Array, points: Points, values: Array, squares: Array) -> tuple[float, Array]:
    """The negative logarithm of the marginal likelihood, but for a constant, and its gradient."""
    kernel, parts, radius = _kernel(parameters, points, squares)
    factor = linalg.cholesky(kernel, lower=True)
    weights = linalg.cho_solve((factor, True), values)
    value = float(values @ weights) / 2 + float(np.log(np.diag(factor)).sum())
    slack = linalg.cho_solve((factor, True), np.eye(len(kernel))) - np.outer(weights, weights)
    by_part = [float((slack * part).sum()) / 2 for part in parts]
    # d Matérn / d log lengthscale, gathered by configuration first: there are fewer of them than points.
    level, slope = np.exp(parameters[:2])
    left = 1 - points.progress
    gathered = _gather(slack * (level + slope * np.outer(left, left)), points.owners, len(points.rows))
    scaled = math.sqrt(5) * radius
    steep = gathered * (5 / 3) * (1 + scaled) * np.exp(-scaled)
    lengths = np.exp(parameters[len(_PARTS) :])
    by_length = np.tensordot(steep, squares, axes=([0, 1], [0, 1])) / lengths**2 / 2
    return value, np.array([*by_part, *by_length])


def _kernel(parameters: Array, points: Points, squares: Array) -> tuple[Array, list[Array], Array]:
    """The kernel of the points, its parts, and the scaled distances between their configurations."""
    lengths = np.exp(parameters[len(_PARTS) :])
    radius = np.sqrt(np.maximum(squares @ (1 / lengths**2), 0.0))
    alike = _matern(radius)[np.ix_(points.owners, points.owners)]
    same = (points.owners[:, None] == points.owners[None, :]).astype(float)
    likeness = _Likeness(level=alike, own=same, task=points.is_of_same_task(points))
    parts = _parts(parameters, likeness, points.progress, points.progress)
    noise = np.exp(parameters[len(_PARTS) - 1]) * np.eye(len(points.owners))
    return sum(parts) + noise + _JITTER * np.eye(len(noise)), [*parts, noise], radius


def _parts(parameters: Array, likeness: _Likeness, one: Array, other: Array) -> list[Array]:
    level, slope, course, own_level, own_slope, wiggle, offset = np.exp(parameters[: len(_PARTS) - 1])
    left = np.outer(1 - one, 1 - other)
    apart = (one[:, None] - other[None, :]) ** 2
    return [
        level * likeness.level,
        slope * likeness.level * left,
        course * np.exp(-apart / (2 * COURSE_WIDTH**2)),
        own_level * likeness.own,
        own_slope * likeness.own * left,
        wiggle * likeness.own * np.exp(-apart / (2 * WIGGLE_WIDTH**2)),
        offset * likeness.task,
    ]


def _spread_out(owners: NDArray[np.int64]) -> NDArray[np.int64]:
    """At most `MOST_FITTED` of the points or so: as many of each configuration, evenly spread over its curve."""
    each = max(MOST_FITTED // (int(owners.max()) + 1), 1)
    groups = [np.flatnonzero(owners == owner) for owner in range(int(owners.max()) + 1)]
    return np.concatenate(
        [group[np.unique(np.linspace(len(group) - 1, 0, min(each, len(group))).astype(int))] for group in groups]
    )


def _matern(radius: Array) -> Array:
    """Matérn 5/2."""
    scaled = math.sqrt(5) * radius
    found: Array = (1 + scaled + scaled**2 / 3) * np.exp(-scaled)
    return found


def _squared_differences(rows: Array, others: Array) -> Array:
    """(rows, others, columns)"""
    found: Array = (rows[:, None, :] - others[None, :, :]) ** 2
    return found


def _gather(values: Array, owners: NDArray[np.int64], count: int) -> Array:
    """Sums of a (points, points) matrix by the configurations that the points belong to."""
    summed = np.zeros((count, values.shape[1]))
    np.add.at(summed, owners, values)
    gathered = np.zeros((count, count))
    np.add.at(gathered.T, owners, summed.T)
    return gathered
