"""Random faults of any kind, place and size in the bytes of published files: none above the limit may be missed.

Five small models are trained for a moment and published. Each fault changes one weight in one file, whose digest is
made to fit; then the verification looks. Whether the fault is above the limit is measured apart from it, in a bare
session of the runtime and float64. Exits with 1 if one above the limit was missed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).resolve().parent.parent
sys.path[0] = str(SCRIPTS.parent)

from tuning.environment.cpu_kernels import kernel_choice  # noqa: E402 the path comes first

# Every SavedModel that is loaded leaves memory behind.
FAULTS_PER_CHILD = 100
MODELS = ("plain", "normalized", "dense", "separable", "residual")
SIZED = ("channel scaled", "all scaled", "noise", "value replaced")
"""Kinds of change that have a size; the smallest that was seen is reported."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench faults", description=__doc__)
    parser.add_argument("--faults", type=int, default=1000, metavar="N", help="default: 1000")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the first fault (default: 0)")
    parser.add_argument("--models", default=",".join(MODELS), metavar="A,B", help=f"default: {','.join(MODELS)}")
    parser.add_argument("--format", action="append", default=[], metavar="NAME", help="default: every format")
    parser.add_argument("--variant", action="append", default=[], metavar="NAME", help="default: float32")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N", help="default: one a processor")
    parser.add_argument("--results", type=Path, metavar="FILE", help="keep results there, and skip what it holds")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.update(kernel_choice(os.environ))
    if arguments.child:
        name, *seeds = arguments.child
        for result in measure(name, [int(seed) for seed in seeds], arguments):
            print(json.dumps(result), flush=True)
        return 0
    models = arguments.models.split(",")
    unknown = [name for name in models if name not in MODELS]
    if unknown or arguments.faults < 1:
        parser.error(f"unknown model {unknown[0]}: choose among {', '.join(MODELS)}" if unknown else "no faults")
    results = _kept(arguments.results)
    chunks = list(_chunks(models, arguments, results))
    options = [
        *(part for name in arguments.format for part in ("--format", name)),
        *(part for name in arguments.variant for part in ("--variant", name)),
    ]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for finished in pool.map(lambda chunk: list(_in_child(chunk[0], chunk[1], options)), chunks):
            for result in finished:
                results[(result["model"], result["seed"])] = result
                if arguments.results is not None:
                    with arguments.results.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(result) + "\n")
            print(f"{len(results)} of {arguments.faults} faults", flush=True)
    return _summarize(list(results.values()))


def measure(name: str, seeds: Sequence[int], arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """What became of the fault of each seed in the model of that name."""
    from export.formats.targets import choose_targets
    from scripts.benches.planted_faults.planting import plant_all, publish_model

    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "artifacts"
        publish_model(name, folder, choose_targets(arguments.format, arguments.variant))
        for result in plant_all(folder, seeds):
            yield {"model": name, **result}


def _chunks(
    models: Sequence[str], arguments: argparse.Namespace, results: dict[tuple[str, int], Any]
) -> Iterator[tuple[str, list[int]]]:
    for at, name in enumerate(models):
        seeds = range(arguments.seed + at, arguments.seed + arguments.faults, len(models))
        waiting = [seed for seed in seeds if (name, seed) not in results]
        for start in range(0, len(waiting), FAULTS_PER_CHILD):
            yield name, waiting[start : start + FAULTS_PER_CHILD]


def _in_child(name: str, seeds: Sequence[int], options: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Results of the seeds, from as many children as it takes; a crash counts against the fault at which it came.

    Raises RuntimeError where a child ends before its first fault.
    """
    left = list(seeds)
    while left:
        command = [sys.executable, __file__, *options, "--child", name, *map(str, left)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        yield from found
        left = left[len(found) :]
        if not left:
            return
        last = (done.stderr.strip().splitlines() or ["without a word"])[-1]
        if not found and done.returncode > 0:
            raise RuntimeError(f"the faults of {name} could not be planted: {last}")
        print(f"fault {left[0]} in {name} ended its process: {last}", flush=True)
        yield {"model": name, "seed": left.pop(0), "crashed": True, "above": True, "seen": False}


def _kept(path: Path | None) -> dict[tuple[str, int], Any]:
    if path is None or not path.exists():
        return {}
    results = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return {(result["model"], result["seed"]): result for result in results}


def _summarize(results: Sequence[dict[str, Any]]) -> int:
    above = [result for result in results if result["above"]]
    below = [result for result in results if not result["above"]]
    missed = [result for result in above if not result["seen"]]
    for result in missed:
        print(f"missed: {json.dumps(result)}")
    counts = Counter(result.get("file", "crashed") for result in results)
    print(", ".join(f"{count} in {file}" for file, count in sorted(counts.items())))
    print(f"above the limit: {len(above)}, missed: {len(missed)}")
    print(f"below the limit: {len(below)}, of which seen all the same: {sum(result['seen'] for result in below)}")
    seen = [result for result in results if result["seen"]]
    moved = [result for result in seen if result["difference"] is not None]
    if moved:
        least = min(moved, key=lambda result: result["difference"])
        print(f"smallest difference seen: {least['difference']:.1e} ({_told(least)})")
    for kind in SIZED:
        sized = [result for result in seen if result["change"]["kind"] == kind]
        if sized:
            least = min(sized, key=lambda result: abs(result["change"]["size"]))
            print(f"smallest seen, {kind}: {abs(least['change']['size']):.1e} ({_told(least)})")
    return 1 if missed else 0


def _told(result: dict[str, Any]) -> str:
    return f"{result['change']['kind']}, {result['model']}, {result['file']}, seed {result['seed']}"


if __name__ == "__main__":
    raise SystemExit(main())
