"""Tables of learning curves: random configurations of the built-in space, each trained to its end with two seeds.

Every epoch's validation loss and processor seconds are on record, and the test error at the end, so that `scripts/bench
curves` can replay any search in no time. A table takes up to an hour of two cores; started again, it is continued.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

SCRIPTS = Path(__file__).resolve().parents[2]
sys.path[0] = str(SCRIPTS.parent)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

if TYPE_CHECKING:
    from tuning.models.built_in import TunableClassifier

SEEDS = (0, 1)
_ONE_THREAD = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


@dataclass(frozen=True, kw_only=True)
class Part:
    """How much of a data set is used: images to train, validate and test with, and epochs of a training."""

    training: int
    validation: int
    test: int
    epochs: int


PARTS = {
    "mnist": Part(training=2_000, validation=1_000, test=3_000, epochs=12),
    "rotated": Part(training=2_000, validation=1_000, test=3_000, epochs=12),
    "backgrounds": Part(training=2_000, validation=1_000, test=3_000, epochs=12),
    "scenes": Part(training=1_000, validation=500, test=1_000, epochs=10),
    "few": Part(training=750, validation=250, test=3_000, epochs=24),
}


def train_line(path: Path, part: Part, values: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Train the configuration on a part of the data set in the file; the line of a table."""
    import numpy as np

    from tuning.data.dataset import Split
    from tuning.evaluation.inference import predict_with
    from tuning.seeds import derive_seed
    from tuning.settings import TrainingPlan
    from tuning.training.train import Watch, train

    with np.load(path) as arrays:
        images, labels = _as_images(arrays["x_train"]), arrays["y_train"].astype(np.int64)
        test_images, test_labels = _as_images(arrays["x_test"])[: part.test], arrays["y_test"][: part.test]
    # The same images for every line.
    order = np.random.default_rng(0).permutation(len(images))
    training, validation = order[: part.training], order[part.training :][: part.validation]
    plan = TrainingPlan(
        hyperparameters=values,
        settings=make_builder(path).trial_settings(part.epochs),
        seed=derive_seed(0, "table", seed),
    )
    times: list[float] = []
    trained = train(
        make_builder(path),
        plan,
        training=Split(images=images[training], labels=labels[training]),
        validation=Split(images=images[validation], labels=labels[validation]),
        watch=Watch(on_epoch=lambda epoch: times.append(time.process_time())),
    )
    answers = predict_with(trained.model, make_builder(path).feed)(test_images)
    return {
        "hyperparameters": dict(values),
        "seed": seed,
        "parameters": trained.model.count_params(),
        "seconds": [round(seconds, 4) for seconds in _epoch_seconds(times)],
        "val_loss": [epoch.val_loss for epoch in trained.epochs],
        "test_error": round(100 * float((answers.argmax(axis=1) != test_labels).mean()), 4),
    }


def _epoch_seconds(times: list[float]) -> list[float]:
    """Processor seconds of each epoch, whatever else the machine did; the first one's graph is not counted."""
    later = [end - start for start, end in itertools.pairwise(times)]
    return [statistics.median(later), *later]


def make_builder(path: Path) -> TunableClassifier:
    """The built-in model for the data set in the file."""
    import numpy as np

    from tuning.models.built_in import ClassificationTask, TunableClassifier

    with np.load(path) as arrays:
        image_shape = _as_images(arrays["x_test"][:1]).shape[1:]
    return TunableClassifier(ClassificationTask(image_shape=image_shape, num_classes=10))


def _as_images(array: Any) -> Any:
    return array if array.ndim == 4 else array[..., None]


def draw_configurations(path: Path) -> Iterator[dict[str, Any]]:
    """The default configuration, then random ones, none twice; the same ones in the same order every time."""
    from tuning.seeds import derive_seed
    from tuning.space.drawing import Drawing, complete, draw
    from tuning.space.known_space import KnownSpace

    builder = make_builder(path)
    space = KnownSpace()
    point = complete(builder, builder.default_configuration())
    while True:
        space.add(point)
        yield dict(point.values)
        point = draw(builder, Drawing(seed=derive_seed(0, "table", len(space))), space).point


def read_table(path: Path) -> list[dict[str, Any]]:
    """The lines of a table; none where there is no file."""
    if not path.exists():
        return []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def fill(path: Path, part: Part, table: Path, *, count: int, seconds: float, workers: int) -> int:
    """Add lines until there are `count` configurations or the time is up; how many lines there are then."""
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    done = {_key(line["hyperparameters"], line["seed"]) for line in read_table(table)}
    total, end = len(done), time.monotonic() + seconds
    drawn = draw_configurations(path)
    wanted = ((values, seed) for _, values in zip(range(count), drawn, strict=False) for seed in SEEDS)
    left = (each for each in wanted if _key(*each) not in done)
    context = multiprocessing.get_context("spawn")
    running: set[Future[dict[str, Any]]] = set()
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        while True:
            while len(running) < workers and time.monotonic() < end and (each := next(left, None)) is not None:
                running.add(pool.submit(train_line, path, part, *each))
            if not running:
                return total
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                line = future.result()
                # A member of its own: a kill leaves no half of a line behind.
                with table.open("ab") as file:
                    file.write(gzip.compress((json.dumps(line) + "\n").encode()))
                total += 1
                print(
                    f"{table.name} {total}: {line['parameters']} parameters, {sum(line['seconds']):.1f} s, "
                    f"val_loss {min(line['val_loss']):.4f}, test error {line['test_error']:.2f} %",
                    flush=True,
                )


def _key(values: Mapping[str, Any], seed: int) -> str:
    return json.dumps([dict(values), seed], sort_keys=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench tables", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: all of {', '.join(PARTS)}")
    parser.add_argument("--data-sets", type=Path, required=True, help="the folder of scripts/bench data_sets")
    parser.add_argument("--folder", type=Path, required=True, help="gets NAME.jsonl.gz")
    parser.add_argument("--configurations", type=int, default=300, metavar="N", help="of each table (default: 300)")
    parser.add_argument("--minutes", type=float, default=60.0, metavar="N", help="for each table (default: 60)")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), metavar="N", help="default: one a core")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or PARTS:
        lines = fill(
            arguments.data_sets / f"{name}.npz",
            PARTS[name],
            arguments.folder / f"{name}.jsonl.gz",
            count=arguments.configurations,
            seconds=60 * arguments.minutes,
            workers=arguments.workers,
        )
        print(f"{name}: {lines} trainings", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
