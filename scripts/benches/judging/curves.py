"""Replay a table of learning curves through the whole search loop, and print how far from the best it ends.

A search gets the time of so many whole trainings; its clock is moved by the recorded epochs alone, so that 50 searches
take minutes. Regret is the test error of the configuration that it chooses, in points above the lowest of the table;
rank is its place by that among all that are compared, the mean over the seeds. Other libraries' searches are factories
in `scripts.benches.judging.replay`: `--oracle scripts.benches.judging.replay.with_keras_tuner:random`, and others there
and in `with_optuna` and `with_syne_tune`. They know of no default: `--without-default` takes ours away, too.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SCRIPTS = Path(__file__).resolve().parents[2]
sys.path[0] = str(SCRIPTS.parent)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from scripts.benches.judging.replay.search import Replay, ReplayedSearch  # noqa: E402 the path comes first
from scripts.benches.judging.replay.table import CurveTable  # noqa: E402

_MEMORY = Path("/dev/shm")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One search: `algorithm` by name, or a factory `module:function` of a `kt.Oracle`."""

    table: Path
    algorithm: str
    factory: str | None
    trainings: float
    seed: int
    workers: int
    starting_seconds: float
    with_default: bool


def run(case: Case) -> ReplayedSearch:
    """The search, in a process of its own."""
    table = CurveTable.read(case.table)
    factory: Callable[..., Any] | None = None
    if case.factory is not None:
        module, _, name = case.factory.partition(":")
        sys.path.append(str(Path.cwd()))
        factory = getattr(importlib.import_module(module), name)
    # In memory, where there is such a folder: a journal waits for the disk at every event.
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        return Replay(
            table=table,
            algorithm=case.algorithm,
            factory=factory,
            seconds=case.trainings * table.training_seconds,
            seed=case.seed,
            workers=case.workers,
            starting_seconds=case.starting_seconds,
            with_default=case.with_default,
        ).run(Path(folder))


def describe(searches: Sequence[ReplayedSearch], mean_rank: float) -> str:
    regrets = sorted(each.regret for each in searches)
    return (
        f"median {statistics.median(regrets):5.2f}  mean {statistics.fmean(regrets):5.2f}  rank {mean_rank:4.2f}  "
        f"configurations {statistics.median(each.configurations for each in searches):4.0f}  "
        f"repeats {statistics.median(each.repeats for each in searches):3.0f}  "
        f"suggestion {statistics.median(each.suggestion_seconds for each in searches):.2f} s"
    )


def mean_ranks(regrets: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Competitor → its mean rank over the seeds, 1 is best; those that are as good as each other share their ranks."""
    from scipy import stats

    ranks = stats.rankdata(np.array(list(regrets.values())), axis=0).mean(axis=1)
    return dict(zip(regrets, ranks.tolist(), strict=True))


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench curves", description=__doc__)
    parser.add_argument("--table", type=Path, nargs="+", required=True, metavar="FILE.jsonl.gz")
    parser.add_argument("--algorithm", default="freeze-thaw", metavar="NAME[,NAME]")
    parser.add_argument(
        "--oracle",
        action="append",
        default=[],
        metavar="MODULE:FACTORY",
        help="of a kt.Oracle: factory(objective, seed, epochs); may be repeated",
    )
    parser.add_argument("--budgets", default="5,10,20", metavar="N,N", help="in whole trainings (default: 5,10,20)")
    parser.add_argument("--seeds", type=int, default=50, metavar="N")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="simulated (default: 1)")
    parser.add_argument(
        "--starting-seconds", type=float, default=0.0, metavar="N", help="to build a model (default: 0)"
    )
    parser.add_argument("--without-default", action="store_true", help="do not begin with the first configuration")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE", help="append every search as a line")
    arguments = parser.parse_args()
    names = [name for name in arguments.algorithm.split(",") if name]
    competitors = {**dict.fromkeys(names), **{oracle: oracle for oracle in arguments.oracle}}
    with ProcessPoolExecutor(arguments.processes) as pool:
        for table in arguments.table:
            for trainings in map(float, arguments.budgets.split(",")):
                searches = {
                    name: list(pool.map(run, _cases(arguments, table, trainings, name, factory)))
                    for name, factory in competitors.items()
                }
                regrets = {name: [each.regret for each in found] for name, found in searches.items()}
                for name, rank in mean_ranks(regrets).items():
                    print(
                        f"{table.name:<24} {trainings:>4g} trainings  {name:<14} {describe(searches[name], rank)}",
                        flush=True,
                    )
                if arguments.json is not None:
                    _append(arguments.json, table, trainings, arguments.workers, regrets)
    return 0


def _cases(arguments: argparse.Namespace, table: Path, trainings: float, name: str, factory: str | None) -> list[Case]:
    return [
        Case(
            table=table,
            algorithm=name,
            factory=factory,
            trainings=trainings,
            seed=seed,
            workers=arguments.workers,
            starting_seconds=arguments.starting_seconds,
            with_default=not arguments.without_default,
        )
        for seed in range(arguments.seeds)
    ]


def _append(path: Path, table: Path, trainings: float, workers: int, regrets: Mapping[str, Sequence[float]]) -> None:
    with path.open("a", encoding="utf-8") as lines:
        for name, values in regrets.items():
            line = {"table": table.name, "trainings": trainings, "algorithm": name, "workers": workers}
            lines.write(json.dumps({**line, "regrets": values}) + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
