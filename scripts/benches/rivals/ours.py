"""Contestant: this project's search."""

from __future__ import annotations

from scripts.benches.rivals.job import MarksFile, given
from scripts.benches.rivals.training import load_data, make_builder
from tuning._search import search
from tuning.loop.resources import Resources
from tuning.records import SearchConfig


def main() -> None:
    job, folder = given()
    data, marks = load_data(job), MarksFile.of(folder)
    config = SearchConfig(
        enqueued=tuple((configuration, None) for configuration in job.configurations),
        max_trials=job.trials,
        epochs=job.epochs,
        # The rivals have no such thing.
        repeats=0,
        finalists=1,
    )
    resources = Resources(workers=job.workers, factories=(marks,))
    search(make_builder(job, data, marks), data, folder / "run", config, resources=resources)


if __name__ == "__main__":
    main()
