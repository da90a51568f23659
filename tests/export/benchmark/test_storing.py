"""A benchmark beside the files that it measured: whole, readable, and gone when they are."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from export._publish import publish
from export.artifact import Format
from export.benchmark.record import Benchmark
from export.benchmark.storing import COLUMNS, as_csv, is_outdated, read, remove_outdated, save
from export.errors import InputError, VerificationError
from export.folder.manifest import read_manifest
from export.verification import verify_folder

Make = Callable[..., Any]


@pytest.fixture
def measured(published_copy: Path, benchmark: Make, result: Make) -> Benchmark:
    """A benchmark of the copy's ONNX file."""
    files = next(
        artifact.files for artifact in read_manifest(published_copy).artifacts if artifact.target.format is Format.ONNX
    )
    found: Benchmark = benchmark(result("model.onnx", sha256=files))
    return found


def test_a_saved_benchmark_is_read_again(measured: Benchmark, published_copy: Path) -> None:
    save(measured, published_copy)

    assert read(published_copy) == measured
    assert [path.name for path in published_copy.parent.iterdir() if not path.name.endswith(".lock")] == ["artifacts"]


def test_a_measured_folder_still_passes_its_verification(measured: Benchmark, published_copy: Path) -> None:
    save(measured, published_copy)

    assert verify_folder(published_copy, formats=[Format.ONNX]).passed


def test_a_second_benchmark_takes_the_place_of_the_first(
    measured: Benchmark, benchmark: Make, published_copy: Path
) -> None:
    save(measured, published_copy)
    save(benchmark(), published_copy)

    assert read(published_copy) == benchmark()


def test_a_file_that_was_changed_while_it_was_measured_is_named(measured: Benchmark, published_copy: Path) -> None:
    (published_copy / "model.onnx").write_bytes(b"changed")

    with pytest.raises(VerificationError, match=r"model\.onnx was changed since it was published"):
        save(measured, published_copy)
    assert not (published_copy / "benchmark.json").exists()


def test_nothing_is_written_while_another_process_publishes(measured: Benchmark, published_copy: Path) -> None:
    with (
        FileLock(published_copy.with_name(".artifacts.lock")),
        pytest.raises(InputError, match="is being written by another process"),
    ):
        save(measured, published_copy)


def test_a_missing_benchmark_is_named(published_copy: Path) -> None:
    with pytest.raises(InputError, match=r"there is no .*benchmark\.json: measure the files first"):
        read(published_copy)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"machine": {}}', "\x00"])
def test_a_damaged_benchmark_is_named(published_copy: Path, content: str) -> None:
    (published_copy / "benchmark.json").write_text(content)

    with pytest.raises(InputError, match=r"benchmark\.json can't be read as a benchmark .* and measure again"):
        read(published_copy)


def test_a_benchmark_is_outdated_once_a_measured_file_is_another(measured: Benchmark, published_copy: Path) -> None:
    manifest = read_manifest(published_copy)
    without = [artifact for artifact in manifest.artifacts if artifact.target.format is not Format.ONNX]
    data = json.loads(json.dumps(manifest.as_json()))
    changed = json.loads(json.dumps(data).replace(_digest(measured), "0" * 64))

    assert not is_outdated(measured, manifest)
    assert is_outdated(measured, type(manifest).from_json({**data, "artifacts": _json(without)}))
    assert is_outdated(measured, type(manifest).from_json(changed))


def test_a_benchmark_of_what_stays_published_stays(measured: Benchmark, published_copy: Path) -> None:
    save(measured, published_copy)

    remove_outdated(published_copy, read_manifest(published_copy))

    assert read(published_copy) == measured
    assert (published_copy / "benchmark.csv").exists()


@pytest.mark.parametrize("content", [None, "damaged"])
def test_an_outdated_or_damaged_benchmark_is_removed(
    published_copy: Path, benchmark: Make, result: Make, content: str | None
) -> None:
    save(benchmark(result("model.onnx")), published_copy)
    outdated = json.dumps(benchmark(result("model.onnx", sha256={"model.onnx": "0" * 64})).as_json())
    (published_copy / "benchmark.json").write_text(content if content is not None else outdated)

    remove_outdated(published_copy, read_manifest(published_copy))

    assert not (published_copy / "benchmark.json").exists()
    assert not (published_copy / "benchmark.csv").exists()


@pytest.mark.slow
def test_publishing_keeps_a_benchmark_until_a_measured_file_becomes_another(
    tmp_path: Path, benchmark: Make, result: Make, request_for: Make, examples: Any
) -> None:
    folder = tmp_path / "other"
    assert publish(request_for(folder, "onnx"), *examples).passed
    save(benchmark(result("model.onnx", sha256=read_manifest(folder).artifacts[0].files)), folder)

    assert publish(request_for(folder, "tflite"), *examples).passed
    kept = (folder / "benchmark.json").exists()
    assert publish(request_for(folder, "onnx", opset=18), *examples).passed

    assert kept
    assert not (folder / "benchmark.json").exists()
    assert not (folder / "benchmark.csv").exists()


def test_a_folder_without_a_benchmark_is_left_alone(published_copy: Path, snapshot: Make) -> None:
    before = snapshot(published_copy)

    remove_outdated(published_copy, read_manifest(published_copy))

    assert snapshot(published_copy) == before


def test_the_table_has_a_row_for_each_batch_size_and_one_for_a_failure(benchmark: Make) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(benchmark()))))

    assert tuple(rows[0]) == COLUMNS
    assert [(row["name"], row["batch"]) for row in rows] == [
        ("model.onnx", "1"),
        ("model.onnx", "32"),
        ("model.export onnx", "1"),
        ("model.export onnx", "32"),
        ("model.export litert", ""),
    ]
    assert (rows[1]["p50_ms"], rows[1]["calls"], rows[1]["is_noisy"]) == ("32.0", "200", "False")
    assert float(rows[1]["images_per_second"]) == 1000
    assert (rows[0]["size_bytes"], rows[0]["load_seconds"], rows[0]["accuracy"]) == ("900", "1.5", "0.9936")
    assert rows[-1]["failure"] == "it has no kernel"


def _digest(benchmark: Benchmark) -> str:
    (found,) = benchmark.results[0].sha256.values()
    return found


def _json(artifacts: list[Any]) -> list[Any]:
    found: list[Any] = json.loads(json.dumps([artifact.as_json() for artifact in artifacts]))
    return found
