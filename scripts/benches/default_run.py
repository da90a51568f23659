"""The main job with its default settings: seconds, test accuracy, parity and peak memory of tune.py and export.py."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

SCRIPTS = Path(__file__).resolve().parent.parent
SAMPLE_SECONDS = 0.5
GIB = 2**30


@dataclass(frozen=True, kw_only=True)
class MeasuredCommand:
    """One command: its JSON result, wall seconds, and the largest sum of its processes' PSS (shared pages divided)."""

    result: dict[str, Any]
    seconds: float
    peak_pss_bytes: int


def measure(script: str, *arguments: str) -> MeasuredCommand:
    """Run the script with `--json`; raise CalledProcessError if it fails."""
    command = [sys.executable, str(SCRIPTS / script), "--json", *arguments]
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output)
        peak = 0
        while process.poll() is None:
            peak = max(peak, _pss(process.pid))
            time.sleep(SAMPLE_SECONDS)
        seconds = time.perf_counter() - started
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        output.seek(0)
        return MeasuredCommand(result=json.load(output), seconds=seconds, peak_pss_bytes=peak)


def _pss(pid: int) -> int:
    total = 0
    try:
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            total += process.memory_full_info().pss
    except psutil.NoSuchProcess:
        return total
    return total


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench default_run", description=__doc__)
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--seed", default="0")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as runs:
        tune = measure("tune.py", "--runs", runs, "--dataset", arguments.dataset, "--seed", arguments.seed)
        export = measure("export.py", "--runs", runs, "--variant", "all")
    test = tune.result["test"]
    low, high = test["ci95"]
    trials = tune.result["trials"]
    print(f"tune.py    {tune.seconds:6.1f} s  peak PSS {tune.peak_pss_bytes / GIB:.2f} GiB  {trials} trials")
    print(f"           test accuracy {test['accuracy']:.2%} (95 % interval {low:.2%} to {high:.2%})")
    print(f"export.py  {export.seconds:6.1f} s  peak PSS {export.peak_pss_bytes / GIB:.2f} GiB")
    for parity in export.result["results"]:
        equal = parity["examples"] - parity["label_flips"]
        print(
            f"           {parity['file']:<20} {equal} of {parity['examples']} labels equal, accuracy "
            f"{parity['accuracy']:.2%}, max |Δp| {parity['max_abs_error']:.1e}, max |Δlogit| "
            f"{parity['max_logit_error']:.1e}"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
