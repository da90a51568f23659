"""The command-line options that the throughput measurements have in common."""

from __future__ import annotations

import argparse
from pathlib import Path

from scripts.benches.rivals.job import SPACES, RivalJob


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dataset", default="mnist", metavar="NAME", help="default: mnist")
    parser.add_argument("--space", choices=SPACES, default="small", help="models up to 24 filters, or all (small)")
    parser.add_argument("--trials", type=int, default=8, metavar="N", help="default: 8")
    parser.add_argument("--epochs", type=int, default=2, metavar="N", help="of a trial (default: 2)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="what Keras Tuner draws with (default: 1)")
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="default: 3")
    parser.add_argument("--results", type=Path, metavar="FILE", help="write every raw value to a JSON file")


def job_of(arguments: argparse.Namespace) -> RivalJob:
    """Its configurations are not drawn yet."""
    return RivalJob(
        dataset=arguments.dataset,
        space=arguments.space,
        trials=arguments.trials,
        epochs=arguments.epochs,
        seed=arguments.seed,
    )
