"""Run contestants one after the other, every repeat in another order, and time each from its start to its end."""

from __future__ import annotations

import dataclasses
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scripts.benches.rivals.job import MarksFile, RivalJob, read_configurations
from tuning.environment.cpu_kernels import ONEDNN

ROOT = Path(__file__).resolve().parents[3]
CHOICES = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", ONEDNN)
ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
LOG_LINES = 20
SECONDS_AN_HOUR = 3600


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """A module of this folder that trains the trials of a job, `workers` of them at the same time.

    `environment` adds to that of its process. `draws`: it draws the configurations itself.
    """

    name: str
    module: str
    workers: int
    environment: Mapping[str, str] = field(default_factory=dict)
    draws: bool = False


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a contestant.

    `whole_seconds`: from the start of its process to its end, imports and reading of the data included.
    `trials_seconds`: from the start of the first training in any of its processes to the end of the last one.
    `val_accuracies`: 0 to 1, of the last epochs, in the order of finishing.
    """

    contestant: str
    repeat: int
    trials: int
    whole_seconds: float
    trials_seconds: float
    val_accuracies: tuple[float | None, ...]

    def trials_per_hour(self, span: str) -> float:
        """By `whole_seconds` or `trials_seconds`."""
        seconds: float = getattr(self, span)
        return self.trials * SECONDS_AN_HOUR / seconds


def drawn(job: RivalJob) -> RivalJob:
    """The job with the configurations that Keras Tuner's random search draws for it."""
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        _run_module("draw", job, Path(folder), {})
        return dataclasses.replace(job, configurations=read_configurations(Path(folder)))


def race(
    contestants: Sequence[Contestant],
    job: RivalJob,
    *,
    repeats: int,
    packages: Path | None,
    tell: Callable[[Run], None],
) -> list[Run]:
    """All runs of all contestants in the order in which they were made; `tell` is called after each.

    `packages`: an absolute folder with what the rivals need. Raises RuntimeError if a process fails or did not train
    what the job asks for.
    """
    runs = []
    for repeat in range(repeats):
        first = repeat % len(contestants)
        for contestant in [*contestants[first:], *contestants[:first]]:
            runs.append(_measure(contestant, job, repeat, packages))
            tell(runs[-1])
    return runs


def median_ratio(runs: Sequence[Run], of: str, to: str, *, span: str) -> float:
    """Trials per hour of contestant `of` as a multiple of those of `to`: the median of the repeats."""
    rates = {(run.contestant, run.repeat): run.trials_per_hour(span) for run in runs}
    return statistics.median(rate / rates[to, repeat] for (name, repeat), rate in rates.items() if name == of)


def _measure(contestant: Contestant, job: RivalJob, repeat: int, packages: Path | None) -> Run:
    path = [str(folder) for folder in (ROOT, packages) if folder is not None]
    environment = {**contestant.environment, "PYTHONPATH": os.pathsep.join(path)}
    asked = dataclasses.replace(job, workers=contestant.workers)
    # Ray's socket paths may have 107 characters.
    with tempfile.TemporaryDirectory(prefix="bench") as name:
        folder = Path(name)
        seconds = _run_module(contestant.module, asked, folder, environment)
        if contestant.draws and read_configurations(folder) != job.configurations:
            raise RuntimeError(f"{contestant.name} trained other configurations than it had drawn before")
        marks = MarksFile.of(folder).read()
    ends = [mark for mark in marks if mark.epochs > 0]
    if [mark.epochs for mark in ends] != [job.epochs] * job.trials or len(marks) != 2 * job.trials:
        raise RuntimeError(
            f"{contestant.name} must train {job.trials} trials of {job.epochs} epochs, got {[e.epochs for e in ends]}"
        )
    return Run(
        contestant=contestant.name,
        repeat=repeat,
        trials=job.trials,
        whole_seconds=seconds,
        trials_seconds=max(mark.seconds for mark in ends) - min(mark.seconds for mark in marks),
        val_accuracies=tuple(mark.val_accuracy for mark in ends),
    )


def _run_module(module: str, job: RivalJob, folder: Path, environment: Mapping[str, str]) -> float:
    """Wall seconds of its process."""
    job.write(folder)
    inherited = {name: value for name, value in os.environ.items() if name not in CHOICES}
    log = folder / "log.txt"
    with log.open("w", encoding="utf-8") as file:
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", f"scripts.benches.rivals.{module}", str(folder)],
            cwd=ROOT,
            env={"TF_CPP_MIN_LOG_LEVEL": "3", **inherited, **environment},
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
        )
        seconds = time.perf_counter() - started
    if done.returncode:
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:])
        raise RuntimeError(f"scripts.benches.rivals.{module} ended with {done.returncode}:\n{tail}")
    return seconds
