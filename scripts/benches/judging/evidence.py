"""What whole commands reach, measured run by run: the figures beside the search's goals.

`default`: `tune.py` and `export.py` with their default settings on MNIST, one run a seed: test accuracy of the exported
file, and how much of the time was used. `sets`: `tune.py` for three minutes on each of the other data sets: whether a
proposal of the search won, and whether it beats the starting configuration, trained as long, on test images, which are
looked at for this comparison alone. `speed`: trainings of the starting configuration with few epochs: seconds and test
accuracy.

Every run is a line of evidence.jsonl in the folder, and is not repeated when the command is started again. Takes about
9 minutes a run of `default`, 6 of `sets`, 1 of `speed`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).resolve().parents[2]
sys.path[0] = str(SCRIPTS.parent)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

DATA_SETS = ("rotated", "backgrounds", "scenes", "few")
MINUTES = 3
SPEED_EPOCHS = (1, 2, 3, 4, 6)
FIRST = "0000"

Result = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class MeasuredCase:
    """One run: of which part, what of it, and its seed."""

    part: str
    case: str
    seed: int


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The folder of all runs."""

    folder: Path

    @property
    def lines(self) -> list[Result]:
        """Every run that is on record."""
        file = self.folder / "evidence.jsonl"
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []

    def add(self, cases: Iterable[MeasuredCase], measure: Callable[[MeasuredCase, Path], Result]) -> None:
        """Measure what is not on record yet."""
        done = {(line["part"], line["case"], line["seed"]) for line in self.lines}
        for case in cases:
            if (case.part, case.case, case.seed) in done:
                continue
            runs = self.folder / case.part / f"{case.case}-{case.seed}"
            result = measure(case, runs)
            line = {"part": case.part, "case": case.case, "seed": case.seed, **result}
            with (self.folder / "evidence.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            print(json.dumps(line), flush=True)


def run_script(script: str, *arguments: str) -> Result:
    """What the script prints with `--json`. Raises CalledProcessError if it fails."""
    command = [sys.executable, str(SCRIPTS / script), "--json", *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    found: Result = json.loads(done.stdout)
    return found


def tune(case: MeasuredCase, runs: Path, *options: str) -> tuple[Result, float]:
    """A search as a run of its own, gone on with where an earlier command was stopped; its seconds in this one."""
    started = time.perf_counter()
    chosen = ["--resume"] if (runs / "search" / "run.json").exists() else ["--seed", str(case.seed), *options]
    found = run_script("tune.py", "--runs", str(runs), "--run", "search", *chosen)
    return found, time.perf_counter() - started


def measure_default(case: MeasuredCase, runs: Path) -> Result:
    found, seconds = tune(case, runs, "--dataset", "mnist")
    exported = run_script("export.py", "--runs", str(runs), "--run", "search")
    accuracies = {parity["file"]: parity["accuracy"] for parity in exported["results"]}
    return {"seconds": seconds, "accuracies": accuracies, "winner": found["winner"]["trial_id"]}


def measure_data_set(case: MeasuredCase, runs: Path, data: Path) -> Result:
    found, seconds = tune(case, runs, "--data", str(data), "--budget", f"{MINUTES}m")
    winner = found["winner"]["trial_id"]
    result: Result = {"seconds": seconds, "winner": winner, "error": 100 * (1 - found["test"]["accuracy"])}
    return result if winner == FIRST else {**result, "first_error": _error_of_first(runs, data)}


def _error_of_first(runs: Path, data: Path) -> float:
    """The test error, in percent, of the starting configuration retrained for as long as the winner was."""
    import numpy as np

    from scripts.benches.judging.tables import make_builder
    from tuning._retrain import retraining_plan
    from tuning.data.dataset import Split
    from tuning.evaluation.inference import predict_with
    from tuning.loop.journal import Journal
    from tuning.runs.run_folder import RunFolder
    from tuning.runs.training_file import read_trained
    from tuning.training.train import Watch, train

    run, builder = RunFolder(path=runs / "search"), make_builder(data)
    trials = {trial.trial_id: trial for trial in Journal(run.journal).trials()}
    first, winner, trained = trials[FIRST], trials[_winner(run)], read_trained(run.training)
    epochs = max(round(len(trained.epochs) * winner.epoch_seconds / first.epoch_seconds), 1)
    with np.load(data) as arrays:
        parts = {name: arrays[name] for name in ("x_train", "y_train", "x_test", "y_test")}
    images = {name: parts[name].reshape(*parts[name].shape[:3], -1) for name in ("x_train", "x_test")}
    plan = retraining_plan(
        builder, first, curves=[first], examples=len(images["x_train"]), seed=trained.seed, most_epochs=epochs
    )
    training = Split(images=images["x_train"], labels=parts["y_train"].astype(np.int64))
    model = train(builder, plan, training=training, validation=None, watch=Watch()).model
    answers = predict_with(model, builder.feed)(images["x_test"])
    return 100 * float((answers.argmax(axis=1) != parts["y_test"]).mean())


def _winner(run: Any) -> str:
    found: str = run.read().winner.trial_id
    return found


def measure_speed(case: MeasuredCase, runs: Path) -> Result:
    found = run_script(
        "train.py",
        *("--runs", str(runs), "--dataset", "mnist", "--seed", str(case.seed), "--epochs", case.case),
        *("--set", "averaging=power"),
    )
    training = json.loads(next(runs.glob("*/training.json")).read_text(encoding="utf-8"))
    seconds = sum(epoch["seconds"] for epoch in training["epochs"])
    return {"seconds": seconds, "accuracy": found["test"]["accuracy"]}


def describe(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for every case, over its seeds."""
    cases: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for line in lines:
        cases.setdefault((line["part"], line["case"]), []).append(line)
    return [
        f"{part:<8} {case:<12} {len(runs):>2} runs  {_SUMMARIES[part](runs)}" for (part, case), runs in cases.items()
    ]


def _describe_default(runs: Sequence[Mapping[str, Any]]) -> str:
    accuracies = [min(run["accuracies"].values()) for run in runs]
    used = statistics.fmean(run["seconds"] for run in runs) / 480
    return f"{_spread(accuracies)}  {used:.0%} of the time  proposals won {_proposals(runs)}"


def _describe_data_set(runs: Sequence[Mapping[str, Any]]) -> str:
    better = sum(run.get("first_error", run["error"]) > run["error"] for run in runs)
    used = statistics.fmean(run["seconds"] for run in runs) / (60 * MINUTES)
    error = statistics.fmean(run["error"] for run in runs)
    return f"error {error:.2f} %  {used:.0%} of the time  proposals won {_proposals(runs)}, {better} of them better"


def _describe_speed(runs: Sequence[Mapping[str, Any]]) -> str:
    return f"{_spread([run['accuracy'] for run in runs])}  {statistics.fmean(run['seconds'] for run in runs):.1f} s"


def _proposals(runs: Sequence[Mapping[str, Any]]) -> int:
    return sum(run["winner"] != FIRST for run in runs)


def _spread(accuracies: Sequence[float]) -> str:
    spread = f" ± {statistics.stdev(accuracies):.2%}" if len(accuracies) > 1 else ""
    return f"{statistics.fmean(accuracies):.3%}{spread}"


_SUMMARIES = {"default": _describe_default, "sets": _describe_data_set, "speed": _describe_speed}


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench evidence", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"default: all of {', '.join(_SUMMARIES)}")
    parser.add_argument("--folder", type=Path, required=True, help="gets evidence.jsonl and the runs")
    parser.add_argument("--data-sets", type=Path, required=True, help="the folder of scripts/bench data_sets")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="runs of each case (default: 5)")
    arguments = parser.parse_args()
    parts = arguments.parts or list(_SUMMARIES)
    unknown = [part for part in parts if part not in _SUMMARIES]
    if unknown:
        parser.error(f"unknown part {unknown[0]}: choose among {', '.join(_SUMMARIES)}")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    evidence = Evidence(folder=arguments.folder)
    seeds = range(arguments.seeds)
    if "default" in parts:
        evidence.add((MeasuredCase(part="default", case="mnist", seed=seed) for seed in seeds), measure_default)
    if "sets" in parts:
        cases = (MeasuredCase(part="sets", case=name, seed=seed) for seed in seeds for name in DATA_SETS)
        evidence.add(cases, lambda case, runs: measure_data_set(case, runs, arguments.data_sets / f"{case.case}.npz"))
    if "speed" in parts:
        cases = (MeasuredCase(part="speed", case=str(epochs), seed=seed) for seed in seeds for epochs in SPEED_EPOCHS)
        evidence.add(cases, measure_speed)
    print("\n".join(describe(evidence.lines)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
