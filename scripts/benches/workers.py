"""Trials per hour of this project's search with 1 worker on all threads and with 2 that share them, same trials."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent
sys.path[0] = str(SCRIPTS.parent)

from scripts.benches.rivals.options import add_options, job_of  # noqa: E402 the path comes first
from scripts.benches.rivals.race import Contestant, drawn, race  # noqa: E402
from scripts.benches.rivals.report import print_heading, print_run, print_table, write_results  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench workers", description=__doc__)
    add_options(parser)
    parser.add_argument(
        "--workers", type=int, nargs="+", default=[2, 1], metavar="N", help="the first against the others (2 1)"
    )
    arguments = parser.parse_args()
    print_heading(job_of(arguments), arguments.repeats, None)
    job = drawn(job_of(arguments))
    contestants = [Contestant(name=f"--workers {count}", module="ours", workers=count) for count in arguments.workers]
    runs = race(contestants, job, repeats=arguments.repeats, packages=None, tell=print_run)
    print_table(runs, contestants[0].name)
    if arguments.results is not None:
        write_results(arguments.results, job, runs, None)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
