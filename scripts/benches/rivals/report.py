"""What a throughput measurement prints and keeps."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.benches.rivals.job import RivalJob
from scripts.benches.rivals.race import Run, median_ratio

SPANS = {"whole_seconds": "whole process", "trials_seconds": "first training's start to last one's end"}
PACKAGES = ("tensorflow", "keras", "keras-tuner", "optuna", "ray")
BUSY_LOAD = 0.5


def machine() -> dict[str, Any]:
    """Cores, processor, Python."""
    processor = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        lines = information.read_text(encoding="utf-8").splitlines()
        named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        processor = named[0] if named else processor
    return {"cores": os.cpu_count(), "processor": processor, "python": platform.python_version()}


def versions(packages: Path | None) -> dict[str, str]:
    """Of what takes part, in the folder with the rivals' packages or in this environment."""
    folders = [*([] if packages is None else [str(packages)]), *sys.path]
    found = {name: next(iter(importlib.metadata.distributions(name=name, path=folders)), None) for name in PACKAGES}
    return {name: distribution.version for name, distribution in found.items() if distribution is not None}


def print_heading(job: RivalJob, repeats: int, packages: Path | None) -> None:
    here = machine()
    print(f"{here['processor']}, {here['cores']} cores, Python {here['python']}; ", end="")
    print(", ".join(f"{name} {version}" for name, version in versions(packages).items()))
    print(f"{job.dataset}: {job.trials} trials of {job.epochs} epochs from the {job.space} space, {repeats} repeats")
    if (load := os.getloadavg()[0]) > BUSY_LOAD:
        print(f"NOT QUIET: {load:.1f} processes wanted a core in the last minute")


def print_run(run: Run) -> None:
    seconds = f"{run.whole_seconds:6.1f} s whole, {run.trials_seconds:6.1f} s trials"
    print(f"  repeat {run.repeat + 1}  {run.contestant:<22} {seconds}", flush=True)


def print_table(runs: Sequence[Run], of: str) -> None:
    """A table for each span: seconds, trials per hour, and how many times as many the contestant `of` gets done."""
    names = list(dict.fromkeys(run.contestant for run in runs))
    for span, title in SPANS.items():
        print(f"{title:<42} {'seconds (least to most)':>26} {'trials/hour':>12}  {of} gets")
        for name in names:
            own = [run for run in runs if run.contestant == name]
            seconds = sorted(getattr(run, span) for run in own)
            spread = f"{statistics.median(seconds):.1f} ({seconds[0]:.1f} to {seconds[-1]:.1f})"
            rate = statistics.median(run.trials_per_hour(span) for run in own)
            ratio = f"{median_ratio(runs, of, name, span=span):.2f} times as many" if name != of else ""
            print(f"  {name:<40} {spread:>26} {rate:>12.0f}  {ratio}")


def write_results(path: Path, job: RivalJob, runs: Sequence[Run], packages: Path | None) -> None:
    """Every raw value, and what it was measured on."""
    kept = {
        "machine": machine(),
        "versions": versions(packages),
        "job": dataclasses.asdict(job),
        "runs": [dataclasses.asdict(run) for run in runs],
    }
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
