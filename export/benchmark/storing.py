"""A benchmark on disk, beside the files that it measured: `benchmark.json`, with every single call, and a table."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from export.artifact import BENCHMARK, BENCHMARK_TABLE
from export.benchmark.record import Benchmark
from export.errors import InputError
from export.files.moving import remove
from export.files.strict_json import read_json
from export.folder.install import lock_folder, staging_folder
from export.folder.manifest import Manifest
from export.folder.published_files import check_digests

COLUMNS = (
    "name",
    "maker",
    "format",
    "variant",
    "batch",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "calls",
    "images_per_second",
    "spread",
    "is_noisy",
    "size_bytes",
    "load_seconds",
    "first_call_seconds",
    "peak_memory_bytes",
    "accuracy",
    "label_flips",
    "failure",
)


def save(benchmark: Benchmark, folder: Path) -> None:
    """Write both files into the published folder, in the place of earlier ones.

    Raises VerificationError if a measured file was changed meanwhile, InputError if another process writes there.
    """
    with lock_folder(folder), staging_folder(folder) as staged:
        for result in benchmark.results:
            check_digests(folder, result.sha256)
        _replace(folder, staged, BENCHMARK, json.dumps(benchmark.as_json(), allow_nan=False) + "\n")
        _replace(folder, staged, BENCHMARK_TABLE, as_csv(benchmark))


def read(folder: Path) -> Benchmark:
    """The benchmark of a published folder. Raises InputError where there is none or it is damaged."""
    path = folder / BENCHMARK
    if not path.is_file():
        raise InputError(f"there is no {path}: measure the files first with `benchmark.py`")
    try:
        return Benchmark.from_json(read_json(path))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} can't be read as a benchmark ({error}): remove it and measure again") from error


def is_outdated(benchmark: Benchmark, manifest: Manifest) -> bool:
    """Whether it measured a file that is no longer published with the same bytes."""
    published = manifest.digests
    return any(published.get(path) != digest for result in benchmark.results for path, digest in result.sha256.items())


def remove_outdated(folder: Path, manifest: Manifest) -> tuple[str, ...]:
    """Remove the benchmark of files that `manifest`, published in the folder, holds no longer; one that can't be read
    too. Other formats that are published in addition leave it true, and so in its place.

    The answer is a sentence for each file that could not be removed.
    """
    if (folder / BENCHMARK).exists():
        try:
            if not is_outdated(read(folder), manifest):
                return ()
        # It is in the way of new files, whatever it once said.
        except InputError:
            pass
    left = {name: remove(folder / name) for name in (BENCHMARK, BENCHMARK_TABLE)}
    return tuple(f"{folder / name} is outdated and can't be removed ({why})" for name, why in left.items() if why)


def as_csv(benchmark: Benchmark) -> str:
    """One row for each candidate and batch size, and one for a candidate that failed."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for facts in benchmark.without_calls()["results"]:
        # Rates and noise are those of the batch size.
        writer.writerows({**facts, **latency} for latency in facts["latency"] or [{"is_noisy": None}])
    return text.getvalue()


def _replace(folder: Path, staged: Path, name: str, text: str) -> None:
    """Write beside the folder, where nothing is taken for published, then rename: the file is whole or not there."""
    (staged / name).write_text(text, encoding="utf-8", newline="")
    (staged / name).replace(folder / name)
