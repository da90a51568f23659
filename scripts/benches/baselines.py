"""Does every published configuration reach its figure on MNIST? The median over three seeds decides."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent
sys.path[0] = str(SCRIPTS.parent)

from tuning.models.baselines import BASELINES, Baseline, baseline  # noqa: E402 the path comes first

SEEDS = (0, 1, 2)


def measure(published: Baseline, seed: int, runs: Path) -> float:
    """Train it on MNIST with that seed; the accuracy where the published figure was measured."""
    command = [sys.executable, str(SCRIPTS / "train.py"), "--json", "--runs", str(runs), "--dataset", "mnist"]
    command += ["--baseline", published.name, "--seed", str(seed)]
    done = subprocess.run(
        command,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"},
    )
    result = json.loads(done.stdout)
    accuracy: float = result["test"]["accuracy"] if published.metric == "test" else result["winner"]["val_accuracy"]
    return accuracy


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench baselines", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: all of {', '.join(BASELINES)}")
    names = parser.parse_args().names or list(BASELINES)
    reached = True
    print(f"{'baseline':<14} {'metric':<11} {'wanted':>7} {'median':>8}  of seeds {SEEDS}", flush=True)
    # One training on one thread per core gets more done than one training on all of them.
    with tempfile.TemporaryDirectory() as runs, ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = {
            name: [pool.submit(measure, baseline(name), seed, Path(runs) / f"seed{seed}") for seed in SEEDS]
            for name in names
        }
        for published in map(baseline, names):
            accuracies = [job.result() for job in jobs[published.name]]
            median = statistics.median(accuracies)
            each = ", ".join(f"{accuracy:.2%}" for accuracy in accuracies)
            verdict = "reached" if median >= published.accuracy else "MISSED"
            reached = reached and median >= published.accuracy
            wanted = f"{published.name:<14} {published.metric:<11} {published.accuracy:>7.1%}"
            print(f"{wanted} {median:>8.2%}  {each}  {verdict}", flush=True)
    return 0 if reached else 1


if __name__ == "__main__":
    raise SystemExit(main())
