"""Freeze-thaw: the next epochs go to the configuration, new or paused, whose curve promises most for its time.

After Swersky, Snoek and Adams (Freeze-Thaw Bayesian Optimization, 2014). A promotion continues a paused trial from its
state, so that no epoch is trained twice.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import random
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import keras_tuner as kt
import numpy as np
from numpy.typing import NDArray

from tuning.oracles.base import EARLIER_TRIAL, EPOCHS, WAITING, Proposed, TimeLeft, UnrepeatedOracle, Waiting
from tuning.oracles.surrogate.acquisition import log_expected_improvement
from tuning.oracles.surrogate.curve_model import CurveModel, Points
from tuning.oracles.surrogate.features import Features
from tuning.oracles.surrogate.partial_curve import PartialCurve, stretch_out, thin_out
from tuning.oracles.surrogate.time_model import TimeModel
from tuning.records import SearchConfig, TrialRecord, TrialStatus
from tuning.seeds import derive_seed
from tuning.settings import Configuration, Objective, Value
from tuning.space.points import Point
from tuning.space.ranges import Range

INITIAL_CONFIGURATIONS = 4
"""Drawn at random before curves are modelled, those that were enqueued included."""
GROWTH = 1.5
"""A paused trial goes on to so many times its epochs: what is learned comes with their logarithm."""
NEGLIGIBLE = 1e-3
"""An expected improvement of less, as a share of how much values differ, is not worth a training."""

_ANYWHERE, _NEARBY = 300, 300
_BASES = 3
_DISTANCE = 0.15
_KEPT = 0.5
_SHORTEST = 1e-6


class FreezeThawOracle(UnrepeatedOracle):
    """A Gaussian process over all curves says where each will end; expected improvement on the best of these decides.

    Running trials count as if they ended as expected, so that proposals under way at once differ. Failed and diverged
    ones count as the worst that was seen.
    """

    learns = True
    pauses = True
    is_slow = True
    fewest_epochs = 12
    first_epochs: int = 1
    takes_parts = True

    def __init__(self, objective: Objective, *, seed: int, horizon: int) -> None:
        """`horizon`: the epochs at which curves are compared, and the most that a configuration gets; 1 or more."""
        super().__init__(objective, seed=seed)
        self.horizon = horizon
        self._curves: dict[str, PartialCurve] = {}
        self._first: dict[str, str] = {}
        self._left = TimeLeft(search=math.inf, retraining=math.inf)

    @classmethod
    def of(cls, config: SearchConfig, *, seed: int) -> Self:
        """Configurations get `config.epochs` epochs at most, and pause after parts of them."""
        return cls(config.objective, seed=seed, horizon=(config.epochs or 1) * (config.parts or 1))

    def adopt(self, point: Point, decided: dict[str, Any]) -> Any:
        trial = super().adopt(point, decided)
        earlier, until = decided.get(EARLIER_TRIAL), decided.get(EPOCHS)
        first = self._first[trial.trial_id] = trial.trial_id if earlier is None else self._first[earlier]
        curve = self._curves.setdefault(first, PartialCurve(point=point, latest=trial.trial_id, until=0))
        curve.latest, curve.until, curve.is_running = trial.trial_id, until or self.horizon, True
        return trial

    @kt.synchronized
    def update_trial(self, trial_id: str, metrics: Mapping[str, float], step: int = 0) -> Any:
        """Keras Tuner's hook: the trial; what it had after `step` epochs is noted."""
        trial = super().update_trial(trial_id, metrics, step=step)
        if step:
            value = float(metrics[self.objective.name])
            self._curves[self._first[trial_id]].ranks[step] = -value if self.objective.direction == "max" else value
        return trial

    def train_whole(self) -> bool:
        """Every configuration is trained to the horizon at once: what is left is the choice of the next one."""
        self.pauses, self.first_epochs = False, self.horizon
        return True

    def note_end(self, oracle_id: str, record: TrialRecord) -> None:
        curve = self._curves[self._first[oracle_id]]
        curve.is_running, curve.is_over = False, record.status is not TrialStatus.PAUSED
        if record.epochs:
            curve.seconds, curve.start_seconds = max(record.epoch_seconds, _SHORTEST), record.start_seconds
        if record.status is TrialStatus.FAILED:
            curve.ranks = {1: math.inf, self.horizon: math.inf}
        elif not self.pauses and record.has_result:
            curve.ranks = {self.horizon: record.rank}
        elif record.settings.keep_best:
            lowest = itertools.accumulate((curve.ranks[epoch] for epoch in sorted(curve.ranks)), min)
            curve.ranks = dict(zip(sorted(curve.ranks), lowest, strict=True))

    def note_time(self, left: TimeLeft) -> None:
        self._left = left

    def continuable(self, oracle_ids: Iterable[str]) -> set[str]:
        return {curve.latest for curve in self._curves.values() if not curve.is_over}.intersection(oracle_ids)

    def propose(self, *, new: bool = True) -> Proposed | Waiting | None:
        """WAITING where only running trials can tell what comes next."""
        drawing = self.drawing() if new else None
        seen = [curve for curve in self._curves.values() if curve.ranks]
        paused = [curve for curve in seen if not curve.is_running and not curve.is_over]
        drawn = self._candidates(seen) if drawing is not None and len(seen) >= INITIAL_CONFIGURATIONS else []
        if drawing is not None and not drawn:
            return Proposed(what=drawing, decided={EPOCHS: min(self.first_epochs, self.horizon)})
        chosen = self._choose(seen, paused, drawn) if paused or drawn else None
        if chosen is None:
            return WAITING if any(curve.is_running for curve in self._curves.values()) else None
        what, until = chosen
        if isinstance(what, PartialCurve):
            return Proposed(what=what.point, decided={EPOCHS: until, EARLIER_TRIAL: what.latest})
        assert drawing is not None
        return Proposed(what=dataclasses.replace(drawing, wanted=what), decided={EPOCHS: until})

    def _choose(
        self, seen: Sequence[PartialCurve], paused: Sequence[PartialCurve], drawn: Sequence[Configuration]
    ) -> tuple[PartialCurve | Configuration, int] | None:
        """A paused curve or a new configuration, and up to how many epochs: the most expected improvement for the time.

        A configuration is worth what its retraining can get to; one that was trained as long is not continued. None
        where no new one may be started and none that paused promises anything.
        """
        begun = [*seen, *(curve for curve in self._curves.values() if not curve.ranks)]
        features = Features.of([curve.point for curve in begun])
        rows = features.rows([*(curve.point.values for curve in begun), *drawn])
        model = self._fit(begun, rows[: len(begun)])
        everyone, is_known = np.arange(len(rows)), np.arange(len(rows)) < len(begun)
        seconds, start = self._times(begun, rows)
        ends = np.clip(np.floor(self._left.retraining / seconds), 1, self.horizon)
        end = model.predict(Points(rows=rows, owners=everyone, progress=self._progress(ends)), is_known=is_known)
        score = log_expected_improvement(end.mean, end.variance, incumbent=float(end.mean[: len(seen)].min()))
        done = np.array([*(curve.epochs for curve in begun), *[0] * len(drawn)])
        may_go_on = {id(curve) for curve in paused}
        is_out = np.array([id(curve) not in may_go_on for curve in begun] + [False] * len(drawn)) | (done >= ends)
        if is_out.all() or (not drawn and score[~is_out].max() < math.log(NEGLIGIBLE * end.scale)):
            return None
        until = self._next_pauses(done, ends, start / seconds)
        score -= np.log(start + seconds * np.maximum(until - done, 1))
        best = int(np.where(is_out, -np.inf, score).argmax())
        return (begun[best] if best < len(begun) else drawn[best - len(begun)]), int(until[best])

    def _next_pauses(
        self, done: NDArray[np.int64], ends: NDArray[np.float64], start: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Up to how many epochs trials go on that had `done`, at most to `ends`; all (rows,).

        A part is no shorter than what it takes to `start` it, in epochs.
        """
        if not self.pauses:
            return np.full(len(done), float(self.horizon))
        parts = np.maximum.reduce([done + 1, np.round(done * GROWTH), done + np.ceil(start)])
        found: NDArray[np.float64] = np.minimum(parts, ends)
        return found

    def _fit(self, begun: Sequence[PartialCurve], rows: NDArray[np.float64]) -> CurveModel:
        """The model of what was seen, as if every running trial had ended as it says itself."""
        places = [
            (number, epoch, curve.ranks[epoch])
            for number, curve in enumerate(begun)
            for epoch in thin_out(sorted(curve.ranks))
        ]
        owners, epochs, ranks = (np.array(column) for column in zip(*places, strict=True))
        model = CurveModel(
            Points(rows=rows, owners=owners, progress=self._progress(epochs)), stretch_out(ranks.astype(float))
        )
        running = [(number, curve.until) for number, curve in enumerate(begun) if curve.is_running]
        if not running:
            return model
        owners, until = (np.array(column) for column in zip(*running, strict=True))
        return model.as_expected(Points(rows=rows, owners=owners, progress=self._progress(until)))

    def _times(self, begun: Sequence[PartialCurve], rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """Seconds of an epoch of each (rows,), and of a start.

        Where time is not limited all are alike and starts take none, so that the seed alone decides.
        """
        timed = [number for number, curve in enumerate(begun) if curve.seconds is not None]
        if math.isinf(self._left.search) or not timed:
            return np.full(len(rows), _SHORTEST), 0.0
        measured = np.array([begun[number].seconds for number in timed], dtype=float)
        seconds = TimeModel(rows[timed], measured).predict(rows)
        seconds[timed] = measured
        return seconds, statistics.median(begun[number].start_seconds or 0.0 for number in timed)

    def _progress(self, epochs: NDArray[Any]) -> NDArray[np.float64]:
        """Where so many epochs lie between the first one and the horizon, 0 to 1 by their logarithms."""
        found: NDArray[np.float64] = np.log(epochs) / math.log(max(self.horizon, 2))
        return found

    def _candidates(self, seen: Sequence[PartialCurve]) -> list[Configuration]:
        """New configurations: anywhere, and near the best curves and the first one, which others thought good."""
        chance = random.Random(derive_seed(self.seed, "candidates", len(self.trials)))
        best = sorted(seen, key=lambda curve: min(curve.ranks.values()))[:_BASES]
        bases = [curve.point.values for curve in (*best, seen[0])]

        def anywhere(name: str, domain: Range) -> Value:
            return domain.at(chance.random())

        def near(base: Configuration) -> Any:
            def choose(name: str, domain: Range) -> Value:
                if name not in base or not domain.contains(base[name]):
                    return anywhere(name, domain)
                if chance.random() < _KEPT:
                    return base[name]
                return domain.at(min(max(chance.gauss(domain.fraction(base[name]), _DISTANCE), 0.0), 1.0))

            return choose

        choosers = [*[anywhere] * _ANYWHERE, *(near(bases[number % len(bases)]) for number in range(_NEARBY))]
        return self.space.sample_new(choosers)


ALGORITHM = FreezeThawOracle
