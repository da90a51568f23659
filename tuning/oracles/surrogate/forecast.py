"""What is to be expected of curves that were seen in part, and of configurations that were not trained at all."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuning.oracles.surrogate.curve_model import CurveModel, Points, Prediction
from tuning.oracles.surrogate.features import Features
from tuning.oracles.surrogate.partial_curve import SHORTEST, PartialCurve, Stretched, thin_out
from tuning.oracles.surrogate.time_model import TimeModel
from tuning.settings import Configuration

Array = NDArray[np.float64]

FALL_BEFORE, FALL_BEYOND = 0.4, 0.2
"""By how much the logarithm of a good configuration's loss falls with that of the epochs, before and beyond a trial's
most. Set by hand, not fitted: in the last doubling the best third of four small tables of `scripts/bench tables` fell
by 0.28 to 0.55 (8 to 66 trainings each), those of a fifth, six that had learned nothing, by 0; beyond it nothing was
measured on validation data."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Outlook:
    """Of the curves, and then of the new configurations, all (curves + new,).

    `end`: what is expected after `ends` epochs, those that a retraining has time for. `soon`: after some times the
    epochs so far, and `best`: the best that was seen after any; both corrected by what a retraining has time for.
    `done`: epochs so far, of which `lost` are to be trained again. `seconds` of an epoch. `start`: seconds of a start.
    """

    end: Prediction
    soon: Prediction
    best: float
    ends: Array
    done: NDArray[np.int64]
    lost: NDArray[np.int64]
    seconds: Array
    start: float


class Forecast:
    """A model of what was seen, as if every running trial had ended as the model itself expects."""

    def __init__(
        self,
        curves: Sequence[PartialCurve],
        *,
        earlier: Sequence[PartialCurve] = (),
        horizon: int,
        is_timed: bool,
        retraining: float,
        most: float,
    ) -> None:
        """`curves`, and those of an `earlier` search: one or more with ranks. `horizon`: the most epochs of a trial.

        `is_timed`: time counts; else all take as long, so that the seed alone decides. `retraining`: seconds of epochs
        that a retraining has time for, of which it has `most` at most, however fast they are.
        """
        self.seen = [curve for curve in curves if curve.ranks]
        self.curves = [*self.seen, *(curve for curve in curves if not curve.ranks)]
        self._horizon, self._is_timed, self._retraining, self._most = horizon, is_timed, retraining, most
        everyone = [*self.curves, *earlier]
        self._features = Features.of([curve.point for curve in everyone])
        self._tasks = np.array([0] * len(self.curves) + [1] * len(earlier)) if earlier else None
        self._rows = self._make_rows([curve.point.values for curve in everyone], self._tasks)
        self._model = self._fit(everyone)

    def _make_rows(self, configurations: Sequence[Configuration], tasks: NDArray[np.int64] | None) -> Array:
        """With a column that tells another data set apart, if there is one."""
        rows = self._features.rows(configurations)
        return rows if tasks is None else np.column_stack([rows, tasks])

    def _fit(self, everyone: Sequence[PartialCurve]) -> CurveModel:
        places = [
            (number, epoch, curve.ranks[epoch])
            for number, curve in enumerate(everyone)
            for epoch in thin_out(sorted(curve.ranks))
        ]
        owners, epochs, ranks = (np.array(column) for column in zip(*places, strict=True))
        self._owners, self._stretched = owners, Stretched.of(ranks.astype(float))
        points = Points(rows=self._rows, owners=owners, progress=self._progress(epochs), tasks=self._tasks)
        model = CurveModel(points, self._stretched.values, least_scale=self._stretched.least_scale)
        running = [(number, curve.until) for number, curve in enumerate(self.curves) if curve.is_running]
        if not running:
            return model
        owners, until = (np.array(column) for column in zip(*running, strict=True))
        return model.as_expected(dataclasses.replace(points, owners=owners, progress=self._progress(until)))

    def look(self, new: Sequence[Configuration] = (), *, ahead: float = math.inf) -> Outlook:
        """What to expect of the curves and of new configurations, the horizon being the farthest to look `ahead`.

        `ahead`: times the epochs of each so far, 1 or more.
        """
        rows = self._rows[: len(self.curves)]
        if new:
            own = None if self._tasks is None else np.zeros(len(new), int)
            rows = np.concatenate([rows, self._make_rows(new, own)])
        seconds, start = self._times(rows)
        ends = np.clip(np.floor(self._retraining / seconds), 1, self._most)
        done = np.array([*(curve.epochs for curve in self.curves), *[0] * len(new)])
        at_horizon = self._predict(rows, np.full(len(rows), float(self._horizon)))
        further = np.maximum(np.ceil(np.maximum(done, 1) * ahead), done + 1)
        soon = self._predict(rows, np.minimum(further, self._horizon))
        unit = 1.0 if self._stretched.has_logarithms else at_horizon.scale
        longer = np.log(ends / self._horizon)
        gain = unit * longer * np.where(longer < 0, FALL_BEFORE, FALL_BEYOND)
        return Outlook(
            end=dataclasses.replace(at_horizon, mean=at_horizon.mean - gain),
            soon=dataclasses.replace(soon, mean=soon.mean - gain),
            best=self._best_seen(gain) if self.seen else float((at_horizon.mean - gain).min()),
            ends=ends,
            done=done,
            lost=np.array([*(curve.epochs * curve.starts_over for curve in self.curves), *[0] * len(new)]),
            seconds=seconds,
            start=start,
        )

    def _predict(self, rows: Array, epochs: Array) -> Prediction:
        """Of the curves and of new configurations, each after so many epochs."""
        everyone = np.arange(len(rows))
        tasks = None if self._tasks is None else np.zeros(len(rows), int)
        places = Points(rows=rows, owners=everyone, progress=self._progress(epochs), tasks=tasks)
        return self._model.predict(places, is_known=everyone < len(self.curves))

    def _best_seen(self, gain: Array) -> float:
        is_own = self._owners < len(self.curves)
        found: float = (self._stretched.values - gain[np.where(is_own, self._owners, 0)])[is_own].min()
        return found

    def ranks(self) -> list[float]:
        """What each curve that was seen is expected to reach, less is better."""
        return self._stretched.back(self.look().end.mean[: len(self.seen)])

    def _times(self, rows: Array) -> tuple[Array, float]:
        timed = [number for number, curve in enumerate(self.curves) if curve.seconds is not None]
        if not self._is_timed or not timed:
            return np.full(len(rows), SHORTEST), 0.0
        measured = np.array([self.curves[number].seconds for number in timed], dtype=float)
        seconds = TimeModel(rows[timed], measured).predict(rows)
        seconds[timed] = measured
        return seconds, statistics.median(self.curves[number].start_seconds or 0.0 for number in timed)

    def _progress(self, epochs: NDArray[np.float64] | NDArray[np.int64]) -> Array:
        """Where so many epochs lie between the first one and the horizon, 0 to 1 by their logarithms."""
        found: Array = np.log(epochs) / math.log(max(self._horizon, 2))
        return found
