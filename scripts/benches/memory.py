"""Memory, disk and the time between two trainings of a worker, over 100 trials on the embedded digits."""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

SCRIPTS = Path(__file__).resolve().parent.parent
sys.path[0] = str(SCRIPTS.parent)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from tuning._search import search  # noqa: E402
from tuning.loop.observer import Silent  # noqa: E402
from tuning.loop.resources import Resources  # noqa: E402
from tuning.records import SearchConfig, TrialRecord  # noqa: E402 the path comes first

MIB = 2**20
WARM_TRIALS = 10


class Measuring(Silent):
    """Notes RSS in MiB after every trial, by process, and the largest total of the run folder's weights."""

    def __init__(self, folder: Path) -> None:
        self.rss: dict[int, list[float]] = {}
        self.weights_bytes = 0
        self._folder = folder

    def trial_finished(self, trial: TrialRecord, best: TrialRecord | None) -> None:
        own = psutil.Process()
        for process in [own, *own.children(recursive=True)]:
            self.rss.setdefault(process.pid, []).append(process.memory_info().rss / MIB)
        files = [path for path in (self._folder / "weights").rglob("*") if path.is_file()]
        self.weights_bytes = max(self.weights_bytes, sum(path.stat().st_size for path in files))


@dataclass(frozen=True)
class Times:
    """Notes in a file for each worker when its trainings begin and end."""

    folder: Path

    def __call__(self, context: Any) -> Any:
        import keras

        log = self.folder / f"{os.getpid()}.times"

        def note(logs: Any) -> None:
            with log.open("a", encoding="utf-8") as file:
                file.write(f"{time.monotonic()}\n")

        return keras.callbacks.LambdaCallback(on_train_begin=note, on_train_end=note)


def gaps(folder: Path) -> list[float]:
    """Seconds from the end of a training to the beginning of the next one of the same worker."""
    found: list[float] = []
    for log in folder.glob("*.times"):
        times = [float(line) for line in log.read_text(encoding="utf-8").split()]
        found += [begun - ended for ended, begun in zip(times[1::2], times[2::2], strict=False)]
    return found


def described(seconds: Sequence[float]) -> str:
    low, middle, high = statistics.quantiles(seconds, n=4)
    return f"between two trainings a worker spends {middle:.2f} s (median; quartiles {low:.2f} and {high:.2f})"


def growth(values: list[float]) -> float:
    """MiB a trial after the tenth, by a line through the first and last tenth of those."""
    later = values[WARM_TRIALS:]
    part = max(len(later) // 10, 1)
    return (statistics.mean(later[-part:]) - statistics.mean(later[:part])) / max(len(later) - part, 1)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench memory", description=__doc__)
    parser.add_argument("--trials", type=int, default=100, metavar="N", help="default: 100")
    parser.add_argument("--epochs", type=int, default=2, metavar="N", help="default: 2")
    parser.add_argument("--algorithm", default="random", metavar="NAME", help="default: random")
    arguments = parser.parse_args()
    from tuning.data.search_data import SearchData
    from tuning.data.sources.by_name import load_dataset
    from tuning.models.built_in import ClassificationTask, TunableClassifier

    dataset = load_dataset("digits")
    data = SearchData.of(dataset, seed=0)
    builder = TunableClassifier(ClassificationTask(image_shape=dataset.image_shape, num_classes=dataset.num_classes))
    config = SearchConfig(
        algorithm=arguments.algorithm, max_trials=arguments.trials, epochs=arguments.epochs, repeats=0
    )
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "run"
        measuring = Measuring(folder)
        resources = Resources(factories=(Times(Path(work)),))
        search(builder, data, folder, config, resources=resources, observer=measuring)
        between = gaps(Path(work))
    for pid, values in measuring.rss.items():
        who = "parent" if pid == os.getpid() else "worker"
        if len(values) > 2 * WARM_TRIALS:
            print(
                f"{who}  {values[WARM_TRIALS]:6.0f} MiB after {WARM_TRIALS} trials, {values[-1]:6.0f} after "
                f"{len(values)}, at most {max(values):.0f}: {growth(values):+.2f} MiB a trial"
            )
    print(f"processes that trained: {len(measuring.rss) - 1}")
    print(f"weights on disk: at most {measuring.weights_bytes / MIB:.1f} MiB")
    print(described(between))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
