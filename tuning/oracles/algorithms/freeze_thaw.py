"""Freeze-thaw: the next epochs go to the configuration, new or paused, whose curve promises most.

After Swersky, Snoek and Adams (Freeze-Thaw Bayesian Optimization, 2014). A promotion continues a paused trial from its
state, so that no epoch is trained twice.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import keras_tuner as kt
import numpy as np
from numpy.typing import NDArray

from tuning.oracles.base import (
    EARLIER_TRIAL,
    EPOCHS,
    WAITING,
    EarlierPoint,
    Proposed,
    TimeLeft,
    UnrepeatedOracle,
    Waiting,
)
from tuning.oracles.surrogate.acquisition import log_expected_improvement
from tuning.oracles.surrogate.forecast import Forecast, Outlook
from tuning.oracles.surrogate.partial_curve import SHORTEST, PartialCurve
from tuning.records import SearchConfig, TrialRecord, TrialStatus
from tuning.seeds import derive_seed
from tuning.settings import Configuration, Objective, Value
from tuning.space.points import Point
from tuning.space.ranges import Range

INITIAL_CONFIGURATIONS = 4
"""Drawn at random before curves are modelled, those that were enqueued included."""
GROWTH = 2.0
"""A paused trial goes on to so many times its epochs: what is learned comes with their logarithm."""
SHARE_OF_BEST = 0.1
"""Of the choices, what goes to the configuration that is expected to end best, whatever another one promises: curves
that were seen for an epoch alone say nothing of how they fall, and more of the same never would."""
NEGLIGIBLE = 1e-3
"""An expected improvement of less, as a share of how much values differ, is not worth a training."""

_ANYWHERE, _NEARBY = 300, 300
_BASES = 3
_DISTANCE = 0.15
_KEPT = 0.5


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
        self._earlier: list[PartialCurve] = []
        self._latest: tuple[Any, Forecast | None] | None = None

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

    def learn_from(self, earlier: Sequence[EarlierPoint]) -> bool:
        """They are curves of another data set: what is alike there is alike here, but for an offset."""
        self._earlier = [
            PartialCurve(point=each.point, latest="", until=0, ranks=dict(each.ranks), is_running=False, is_over=True)
            for each in earlier
        ]
        return True

    def note_end(self, oracle_id: str, record: TrialRecord) -> None:
        curve = self._curves[self._first[oracle_id]]
        curve.is_running, curve.is_over = False, record.status is not TrialStatus.PAUSED
        curve.starts_over = False
        if record.epochs:
            curve.seconds, curve.start_seconds = max(record.epoch_seconds, SHORTEST), record.start_seconds
        if record.status is TrialStatus.FAILED:
            curve.ranks = {1: math.inf, self.horizon: math.inf}
        elif record.status is TrialStatus.STOPPED and curve.ranks:
            # It was stopped within its last epoch, which says nothing of a whole one.
            curve.ranks.pop(curve.epochs)
        elif not self.pauses and record.has_result:
            curve.ranks = {self.horizon: record.rank}
        elif record.settings.keep_best:
            lowest = itertools.accumulate((curve.ranks[epoch] for epoch in sorted(curve.ranks)), min)
            curve.ranks = dict(zip(sorted(curve.ranks), lowest, strict=True))

    def note_time(self, left: TimeLeft) -> None:
        self._left = left

    def note_dropped(self, oracle_ids: Iterable[str]) -> None:
        for oracle_id in oracle_ids:
            self._curves[self._first[oracle_id]].starts_over = True

    def continuable(self, oracle_ids: Iterable[str]) -> set[str]:
        return {curve.latest for curve in self._curves.values() if not curve.is_over}.intersection(oracle_ids)

    def expected(self) -> Mapping[str, float]:
        forecast = self._forecast()
        if forecast is None or len(forecast.seen) < INITIAL_CONFIGURATIONS:
            return {}
        sign = -1 if self.objective.direction == "max" else 1
        return {curve.latest: sign * rank for curve, rank in zip(forecast.seen, forecast.ranks(), strict=True)}

    def propose(self, *, new: bool = True) -> Proposed | Waiting | None:
        """WAITING where only running trials can tell what comes next."""
        drawing, forecast = self.drawing() if new else None, self._forecast()
        known = 0 if forecast is None else len(self._earlier) + len(forecast.seen)
        drawn: list[Configuration] = []
        if drawing is not None and forecast is not None and known >= INITIAL_CONFIGURATIONS:
            drawn = self._candidates(forecast)
        if drawing is not None and not drawn:
            return Proposed(what=drawing, decided={EPOCHS: min(self.first_epochs, self.horizon)})
        chosen = None if forecast is None else self._choose(forecast, drawn)
        if chosen is None:
            return WAITING if any(curve.is_running for curve in self._curves.values()) else None
        what, until = chosen
        if isinstance(what, PartialCurve):
            return Proposed(what=what.point, decided={EPOCHS: until, EARLIER_TRIAL: what.latest})
        assert drawing is not None
        return Proposed(what=dataclasses.replace(drawing, wanted=what), decided={EPOCHS: until})

    def _forecast(self) -> Forecast | None:
        """Of all that is known; None while nothing was seen."""
        curves = list(self._curves.values())
        known = [(curve.latest, curve.until, curve.is_running, len(curve.ranks)) for curve in curves]
        left = self._left.retraining, self._left.epochs
        if self._latest is None or self._latest[0] != (known, left):
            is_seen = any(curve.ranks for curve in [*curves, *self._earlier])
            forecast = (
                Forecast(
                    curves,
                    earlier=self._earlier,
                    horizon=self.horizon,
                    is_timed=math.isfinite(self._left.search),
                    retraining=self._left.retraining,
                    most=max(self.horizon, self._left.epochs) if math.isfinite(self._left.epochs) else self.horizon,
                )
                if is_seen
                else None
            )
            self._latest = (known, left), forecast
        return self._latest[1]

    def _choose(
        self, forecast: Forecast, drawn: Sequence[Configuration]
    ) -> tuple[PartialCurve | Configuration, int] | None:
        """A paused curve or a new configuration, and up to how many epochs: the most expected improvement.

        It is that on the best that was seen yet, after a random number of epochs more: with few of them what is good
        goes on, with many what may be anything is tried (after ifBO: Rakotoarison et al., ICML 2024). It is not divided
        by the time that it takes: what is quick is rarely what is good, and of new ones little else is known. But what
        a retraining has no time for counts against it, who was trained as long is not continued, and nothing begins
        that the time left is too short for, as long as there is anything else. Some of the time the one that is
        expected to end best goes on. None where no new one may be started and none that paused promises anything.
        """
        curves, look = forecast.curves, forecast.look(drawn, ahead=self._look_ahead())
        waits = [bool(curve.ranks) and not curve.is_running and not curve.is_over for curve in curves]
        is_out = ~np.array(waits + [True] * len(drawn)) | (look.done >= look.ends)
        if is_out.all() or (not drawn and not _promises_anything(look, len(forecast.seen), ~is_out)):
            return None
        score = log_expected_improvement(look.soon.mean, look.soon.variance, incumbent=look.best)
        until = self._next_pauses(look.done, look.ends, look.start / look.seconds)
        new = np.maximum(until - look.done, 1)
        # Half of the improvement, where half of the epochs were trained before.
        score -= np.log((new + look.lost) / new)
        is_late = look.start + look.seconds * (new + look.lost) > self._left.search
        if not (is_late | is_out).all():
            is_out |= is_late
        expected_best = int(look.end.mean[: len(forecast.seen)].argmin()) if forecast.seen else None
        if expected_best is not None and not is_out[expected_best] and self._chance("best") < SHARE_OF_BEST:
            score[expected_best] = np.inf
        best = int(np.where(is_out, -np.inf, score).argmax())
        return (curves[best] if best < len(curves) else drawn[best - len(curves)]), int(until[best])

    def _look_ahead(self) -> float:
        """Times the epochs so far, 1 to the horizon, by their logarithm."""
        return float(math.pow(self.horizon, self._chance("ahead")))

    def _chance(self, purpose: str) -> float:
        """0 to 1, another one for every proposal."""
        return random.Random(derive_seed(self.seed, purpose, len(self.trials))).random()

    def _next_pauses(
        self, done: NDArray[np.int64], ends: NDArray[np.float64], start: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Up to how many epochs trials go on that had `done`, at most to `ends`; all (rows,).

        A part is no shorter than what it takes to `start` it, in epochs.
        """
        if not self.pauses:
            return np.full(len(done), float(self.horizon))
        parts = np.maximum.reduce([done + 1, np.round(done * GROWTH), done + np.ceil(start)])
        found: NDArray[np.float64] = np.minimum(parts, np.minimum(ends, self.horizon))
        return found

    def _candidates(self, forecast: Forecast) -> list[Configuration]:
        """New ones: anywhere, and near the most promising ones and the first, which others thought good.

        The best ones of an earlier search are there as they are.
        """
        chance = random.Random(derive_seed(self.seed, "candidates", len(self.trials)))
        order = np.argsort(forecast.ranks(), kind="stable")[:_BASES] if forecast.seen else ()
        best = sorted(self._earlier, key=lambda curve: curve.ranks[curve.epochs])[:_BASES]
        liked = (*(forecast.seen[number] for number in order), *forecast.seen[:1], *best)
        bases = [curve.point.values for curve in liked]

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

        def same(base: Configuration) -> Any:
            return lambda name, domain: base[name] if name in base else anywhere(name, domain)

        choosers = [*[anywhere] * _ANYWHERE, *(near(bases[number % len(bases)]) for number in range(_NEARBY))]
        choosers += [same(curve.point.values) for curve in best]
        return self.space.sample_new(choosers)


def _promises_anything(look: Outlook, seen: int, among: NDArray[np.bool_]) -> bool:
    """Whether any of those may still end as the best of so many that were seen."""
    incumbent = float(look.end.mean[:seen].min())
    promise = log_expected_improvement(look.end.mean, look.end.variance, incumbent=incumbent)
    return bool(promise[among].max() >= math.log(NEGLIGIBLE * look.end.scale))


ALGORITHM = FreezeThawOracle
