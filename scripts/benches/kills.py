"""SIGKILLs at random moments over searches on the embedded digits: nothing lost, trained twice or left running."""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

SCRIPTS = Path(__file__).resolve().parent.parent
sys.path[0] = str(SCRIPTS.parent)

from tuning.loop.journal import Journal, Suggestion  # noqa: E402 the path comes first
from tuning.oracles.by_name import algorithm_names  # noqa: E402
from tuning.records import TrialRecord, TrialStatus  # noqa: E402

TRIALS, EPOCHS = 6, 4
SPACE = """
num_blocks = 1
num_filters_1 = [8, 12, 16]
kernel_size_1 = 3
padding = "valid"
batch_normalization = ["none", "pooling"]
dense_units = [0, 32]
convolutions_1 = 1
convolution = "full"
head = "flatten"
pooling = "max"
dropout = 0.0
label_smoothing = 0.0
weight_decay = 0.0
augmentation = 0.0
averaging = "power"
batch_size = [64, 128]
learning_rate = {low = 0.003, high = 0.02, log = true}
"""
LATEST_KILL = 0.6
"""As a share of what a whole search takes: sooner than that, so that each is killed several times."""
LEAVING_SECONDS = 5.0
LONGEST_SECONDS = 600.0


@dataclass(kw_only=True)
class Search:
    """A search on the digits, and what was done to it. `faults`: what was wrong, one sentence each."""

    folder: Path
    name: str
    algorithm: str
    workers: int
    kills: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def journal(self) -> Path:
        return self.folder / "runs" / self.name / "trials.jsonl"

    def start(self, *, resume: bool) -> subprocess.Popen[bytes]:
        options = ["--algorithm", self.algorithm, "--workers", str(self.workers), "--dataset", "digits"]
        options += ["--max-trials", str(TRIALS), "--epochs", str(EPOCHS), "--space", "space.toml"]
        options += ["--finalists", "2", "--repeats", "1", "--budget", "none"]
        command = [sys.executable, str(SCRIPTS / "tune.py"), "--run", self.name, *options]
        return subprocess.Popen(
            [*command, "--resume"] if resume and self.began else command,
            cwd=self.folder,
            stdout=(self.folder / f"{self.name}.log").open("ab"),
            stderr=subprocess.STDOUT,
        )

    @property
    def began(self) -> bool:
        return (self.folder / "runs" / self.name / "run.json").exists()

    def left_behind(self, pids: Sequence[int]) -> list[int]:
        """Those of the processes that are still there after a moment."""
        end = time.monotonic() + LEAVING_SECONDS
        left = list(pids)
        while left and time.monotonic() < end:
            time.sleep(0.1)
            left = [pid for pid in left if _is_alive(pid)]
        return left

    def check(self) -> None:
        """Note what is wrong with the journal, whether the search is over or was just killed."""
        events = Journal(self.journal).read()
        finished = Counter(
            (event.trial_id, len(event.epochs))
            for event in events
            if isinstance(event, TrialRecord) and event.status in (TrialStatus.COMPLETED, TrialStatus.PAUSED)
        )
        self.faults += [
            f"trial {trial} was trained to its end {count} times" for (trial, _), count in finished.items() if count > 1
        ]

    def check_end(self) -> None:
        """Note what is wrong with a search that is over."""
        self.check()
        journal = Journal(self.journal)
        suggested = {event.trial_id for event in journal.read() if isinstance(event, Suggestion)}
        ended = {trial.trial_id for trial in (*journal.trials(), *journal.repeats())}
        self.faults += [f"trial {trial} was suggested and never ended" for trial in sorted(suggested - ended)]
        if len(journal.trials()) < TRIALS:
            self.faults.append(f"{len(journal.trials())} of {TRIALS} trials are on record")
        record = json.loads((self.journal.parent / "run.json").read_text(encoding="utf-8"))
        if record["status"] != "finished":
            self.faults.append(f"its status is {record['status']}")


def _is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _family(pid: int) -> list[psutil.Process]:
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def kill_parents(search: Search, kills: int, rng: random.Random, usual_seconds: float) -> None:
    """Kill the command `kills` times, then let it finish."""
    while search.kills < kills:
        process = search.start(resume=True)
        try:
            process.wait(rng.uniform(0, LATEST_KILL * usual_seconds))
            # It was over before its time came: the next one starts over.
            search.check_end()
            search.name = f"{search.name}x"
            continue
        except subprocess.TimeoutExpired:
            family = [child.pid for child in _family(process.pid)]
            process.kill()
            process.wait()
        search.kills += 1
        left = search.left_behind(family)
        search.faults += [f"process {pid} outlived its parent" for pid in left]
        if search.journal.exists():
            search.check()
    _finish(search)


def kill_workers(search: Search, kills: int, rng: random.Random, usual_seconds: float) -> None:
    """Kill random workers of a running command until there were `kills`, and let it finish."""
    process = search.start(resume=False)
    while search.kills < kills and process.poll() is None:
        time.sleep(rng.uniform(0, usual_seconds / 4))
        workers = [child for child in _family(process.pid) if "worker" in " ".join(_command(child))]
        if workers:
            rng.choice(workers).send_signal(signal.SIGKILL)
            search.kills += 1
    process.wait(LONGEST_SECONDS)
    search.check_end()
    search.faults += [f"trial {trial.trial_id} failed: {trial.reason}" for trial in _wrongly_failed(search)]


def _wrongly_failed(search: Search) -> list[TrialRecord]:
    """Trials that failed for anything but two killed workers."""
    failed = [trial for trial in Journal(search.journal).trials() if trial.status is TrialStatus.FAILED]
    return [trial for trial in failed if "SIGKILL" not in trial.reason]


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.NoSuchProcess:
        return []


def _finish(search: Search) -> None:
    process = search.start(resume=True)
    process.wait(LONGEST_SECONDS)
    if process.returncode:
        search.faults.append(f"it ended with exit code {process.returncode}")
    search.check_end()


def outcome(journal: Path) -> list[Any]:
    """What has to be the same in two runs of one search with one worker."""
    trials = (*Journal(journal).trials(), *Journal(journal).repeats())
    return [
        (trial.trial_id, trial.status, dict(trial.hyperparameters), [epoch.val_loss for epoch in trial.epochs])
        for trial in trials
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench kills", description=__doc__)
    parser.add_argument("--parents", type=int, default=100, metavar="N", help="kills of the command (default: 100)")
    parser.add_argument("--workers", type=int, default=100, metavar="N", help="kills of workers (default: 100)")
    parser.add_argument("--each", type=int, default=10, metavar="N", help="kills of one search (default: 10)")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument(
        "--algorithms", default=",".join(algorithm_names()), metavar="NAMES", help="in turn (default: all)"
    )
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    names = arguments.algorithms.split(",")
    faults = 0
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        (folder / "space.toml").write_text(SPACE, encoding="utf-8")
        references: dict[str, tuple[list[Any], float]] = {}
        for kind, kills, act in (
            ("parent", arguments.parents, kill_parents),
            ("worker", arguments.workers, kill_workers),
        ):
            done = number = 0
            while done < kills:
                algorithm = names[number % len(names)]
                if algorithm not in references:
                    whole = Search(folder=folder, name=f"whole-{algorithm}", algorithm=algorithm, workers=1)
                    started = time.perf_counter()
                    _finish(whole)
                    references[algorithm] = outcome(whole.journal), time.perf_counter() - started
                expected, seconds = references[algorithm]
                # Another number of workers for each algorithm when its turn comes again.
                workers = 1 + (number + number // len(names)) % 2
                search = Search(folder=folder, name=f"{kind}-{number}", algorithm=algorithm, workers=workers)
                act(search, min(arguments.each, kills - done), rng, seconds)
                if search.workers == 1 and kind == "parent" and outcome(search.journal) != expected:
                    search.faults.append("its trials or their losses differ from those of the search left alone")
                done += max(search.kills, 1)
                number += 1
                faults += len(search.faults)
                trials = Counter(str(trial.status) for trial in Journal(search.journal).trials())
                print(
                    f"{kind:<6} {algorithm:<10} {search.workers} workers  {search.kills:>3} kills  "
                    f"{dict(trials)}  {'; '.join(search.faults) or 'nothing wrong'}",
                    flush=True,
                )
    print(f"{faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
