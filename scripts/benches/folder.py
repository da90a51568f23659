"""A folder of 20,000 RGB pictures of 64×64: peak memory of a search over it, and reading's share of an epoch."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

SCRIPTS = Path(__file__).resolve().parent.parent
sys.path[0] = str(SCRIPTS.parent)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from scripts.benches.default_run import GIB, measure  # noqa: E402 the path comes first
from tuning.data.folder_options import FolderOptions  # noqa: E402
from tuning.data.pictures.picture_folder import load_picture_folder  # noqa: E402

CLASSES, SIDE = 10, 64


def draw_class(folder: Path, label: int, count: int) -> None:
    """Noisy pictures of stripes that run at an angle of label × 18°, in any colours and width; every third a JPEG."""
    rng = np.random.default_rng(label)
    (folder / f"angle{label * 18:03}").mkdir(parents=True)
    y, x = np.mgrid[:SIDE, :SIDE]
    for number in range(count):
        angle, width, phase = np.radians(label * 18 + rng.uniform(-4, 4)), rng.uniform(4, 9), rng.uniform(0, 2 * np.pi)
        wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / width + phase)[..., np.newaxis]
        pixels = 128 + wave * rng.uniform(-90, 90, 3) + rng.normal(0, 20, (SIDE, SIDE, 3))
        suffix = "jpg" if number % 3 == 0 else "png"
        picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        picture.save(folder / f"angle{label * 18:03}" / f"{number:05}.{suffix}")


def reading_share(folder: Path, runs: Path) -> tuple[float, float]:
    """(seconds that an epoch's batches take to be read alone, seconds of an epoch of the default model)."""
    from tuning.models.built_in import ClassificationTask, TunableClassifier
    from tuning.settings import Feed, TrainingPlan, TrainingSettings
    from tuning.training.built import Recipe
    from tuning.training.input_pipeline import steps_per_epoch, training_batches
    from tuning.training.train import Watch, train

    dataset = load_picture_folder(FolderOptions(path=str(folder)), store=runs / ".images")
    training, _ = dataset.split_validation(fraction=1 / 12, seed=0)
    hypermodel = TunableClassifier(ClassificationTask(image_shape=dataset.image_shape, num_classes=dataset.num_classes))
    configuration = hypermodel.default_configuration()
    plan = TrainingPlan(hyperparameters=configuration, settings=TrainingSettings(epochs=2), seed=0)
    trained = train(hypermodel, plan, training=training, validation=None, watch=Watch())
    batch_size = int(configuration["batch_size"])
    batches = training_batches(training, recipe=Recipe(batch_size=batch_size), seed=0, feed=Feed())
    shown = iter(batches.take(2 * steps_per_epoch(len(training), batch_size)))
    # The first epoch warms up.
    for _ in range(steps_per_epoch(len(training), batch_size)):
        next(shown)
    started = time.perf_counter()
    read = sum(len(labels) for _, labels in shown)
    seconds = time.perf_counter() - started
    if read != len(training):
        raise AssertionError(f"an epoch must show {len(training)} images, got {read}")
    return seconds, trained.epochs[-1].seconds


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench folder", description=__doc__)
    parser.add_argument("--pictures", type=int, default=20_000, metavar="N", help="default: 20000")
    parser.add_argument("--trials", default="2", metavar="N", help="of one epoch (default: 2)")
    parser.add_argument("--budget", default="3m", metavar="TIME", help="of tune.py (default: 3m)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder, runs = Path(work) / "pictures", Path(work) / "runs"
        with ProcessPoolExecutor() as pool:
            count = arguments.pictures // CLASSES
            list(pool.map(draw_class, [folder] * CLASSES, range(CLASSES), [count] * CLASSES))
        options = ["--epochs", "1", "--max-trials", arguments.trials, "--budget", arguments.budget]
        tune = measure("tune.py", "--runs", str(runs), "--data", str(folder), *options)
        started = time.perf_counter()
        load_picture_folder(FolderOptions(path=str(folder)), store=runs / ".images")
        again = time.perf_counter() - started
        started = time.perf_counter()
        load_picture_folder(FolderOptions(path=str(folder)), store=Path(work) / "new")
        decoded = time.perf_counter() - started
        reading, epoch = reading_share(folder, runs)
    print(
        f"tune.py   {tune.seconds:6.1f} s  peak PSS {tune.peak_pss_bytes / GIB:.2f} GiB  {tune.result['trials']} trials"
    )
    print(f"          test accuracy {tune.result['test']['accuracy']:.2%}")
    print(f"loading   {decoded:6.1f} s, and {again:.1f} s when it was decoded before")
    print(f"an epoch  {epoch:6.1f} s, of which reading is {reading:.2f} s or {reading / epoch:.1%} at most")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
