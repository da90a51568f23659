"""The real search loop over a table: journal, budget, repeats and choice are those of every search."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.benches.judging.replay.simulation import (
    Clock,
    SimulatedPlace,
    TableBuilder,
    TableDrawer,
    TableSpace,
    point_of,
)
from scripts.benches.judging.replay.table import CurveTable
from tuning.loop.budget import Budget
from tuning.loop.final_race import FinalRace
from tuning.loop.journal import Journal
from tuning.loop.observer import Silent
from tuning.loop.resources import Resources
from tuning.loop.search_loop import SearchLoop
from tuning.loop.search_state import SearchState
from tuning.loop.time_limits import TimeLimits
from tuning.oracles.base import UnrepeatedOracle
from tuning.oracles.by_name import make_oracle
from tuning.oracles.driver import OracleDriver
from tuning.ranking.choice import result_of
from tuning.records import SearchConfig
from tuning.runs.run_folder import RunFolder
from tuning.settings import VALIDATION_LOSS


@dataclass(frozen=True, kw_only=True)
class ReplayedSearch:
    """What a search found. `regret`: in points of test error. `suggestion_seconds`: the mean, of real time."""

    regret: float
    configurations: int
    repeats: int
    seconds: float
    suggestion_seconds: float


@dataclass(frozen=True, kw_only=True)
class Replay:
    """One search. `factory`: makes a `kt.Oracle` in place of the algorithm, of objective, seed and epochs."""

    table: CurveTable
    algorithm: str
    factory: Callable[..., Any] | None
    seconds: float
    seed: int
    workers: int
    starting_seconds: float
    with_default: bool

    def run(self, folder: Path) -> ReplayedSearch:
        """The search, whose journal the folder gets."""
        clock, table = Clock(), self.table
        config = SearchConfig(
            algorithm=self.algorithm if self.factory is None else self._oracle(),
            max_trials=len(table.entries),
            epochs=table.epochs,
            seed=self.seed,
            enqueued=(),
        )
        oracle = make_oracle(config)
        if isinstance(oracle, UnrepeatedOracle):
            oracle.space = TableSpace(table)
        driver = OracleDriver(oracle)
        first = point_of(table.entries[0], table)
        driver.show(first)
        place = SimulatedPlace(
            table=table, clock=clock, workers=self.workers, starting_seconds=self.starting_seconds, seed=self.seed
        )
        is_enqueued = self.with_default and self.factory is None
        state = SearchState(
            builder=TableBuilder(table), config=config, driver=driver, enqueued=((first, None),) if is_enqueued else ()
        )
        resources = Resources(budget=Budget(self.seconds, clock=clock, retrains=False))
        race = FinalRace(state)
        loop = SearchLoop(
            state=state,
            journal=Journal(folder / "trials.jsonl"),
            executor=place,
            run=RunFolder(path=folder),
            limits=TimeLimits(state=state, race=race, resources=resources, workers=self.workers, examples=1, ratio=1.0),
            drawer=TableDrawer(table, driver.space),
            observer=Silent(),
        )
        spent: list[float] = []
        ask = driver.ask

        def timed(**options: Any) -> Any:
            started = time.perf_counter()
            found = ask(**options)
            spent.append(time.perf_counter() - started)
            return found

        driver.ask = timed  # type: ignore[method-assign]
        stopped_by = loop.search()
        result = result_of(race.judged, state.repeats, config, stopped_by=stopped_by)
        driver.close()
        assert result.winner is not None
        entry = table.nearest(result.winner.hyperparameters)
        return ReplayedSearch(
            regret=entry.test_error - table.lowest_error,
            configurations=len(state.trials),
            repeats=len(state.repeats),
            seconds=clock.now,
            suggestion_seconds=statistics.fmean(spent),
        )

    def _oracle(self) -> Any:
        assert self.factory is not None
        return self.factory(VALIDATION_LOSS, self.seed, self.table.epochs)
