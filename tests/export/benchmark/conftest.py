"""What the tests of the benchmark share: a small published folder with its model, and made-up results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from export.artifact import Format, Variant
from export.benchmark.candidate import Exporter
from export.benchmark.messages import Opened
from export.benchmark.record import Benchmark, BenchmarkResult, Machine
from export.benchmark.timings import Latency

QUIET = Machine(processor="a processor", cores=2, system="a system", load_average=0.1)


@pytest.fixture
def result() -> Callable[..., BenchmarkResult]:
    """`result(name, milliseconds=2, **facts)`: five quiet rounds of 40 calls that took so long at batch 1 and 32."""

    def call(name: str, *, milliseconds: int = 2, **facts: Any) -> BenchmarkResult:
        nanoseconds = milliseconds * 10**6
        opened = Opened(
            import_seconds=1.0,
            open_seconds=0.5,
            first_call_seconds=0.25,
            warm_up_seconds=0.1,
            memory_before_bytes=10 * 2**20,
        )
        known: dict[str, Any] = {
            "name": name,
            "maker": Exporter.PUBLISHED,
            "format": Format.ONNX,
            "variant": Variant.FLOAT32,
            "sha256": {},
            "size_bytes": 1000,
            "starts": (opened, opened, opened),
            "latency": tuple(Latency(batch=batch, rounds_ns=((nanoseconds * batch,) * 40,) * 5) for batch in (1, 32)),
            "peak_memory_bytes": 64 * 2**20,
            "accuracy": 0.9936,
            "label_flips": 0,
        }
        return BenchmarkResult(**{**known, **facts})

    return call


@pytest.fixture
def benchmark(result: Callable[..., BenchmarkResult]) -> Callable[..., Benchmark]:
    """`benchmark(*results, **facts)`; without results one file, model.export's, and one of its that failed."""

    def call(*results: BenchmarkResult, **facts: Any) -> Benchmark:
        usual = (
            result("model.onnx", milliseconds=1, size_bytes=900),
            result("model.export onnx", milliseconds=2, maker=Exporter.MODEL_EXPORT),
            result(
                "model.export litert",
                maker=Exporter.MODEL_EXPORT,
                format=Format.TFLITE,
                failure="it has no kernel",
                starts=(),
                latency=(),
                peak_memory_bytes=None,
                accuracy=None,
                label_flips=None,
            ),
        )
        known: dict[str, Any] = {
            "machine": QUIET,
            "versions": {"python": "3.12.0"},
            "threads": 1,
            "rounds": 5,
            "examples": 300,
            "results": results if results else usual,
        }
        return Benchmark(**{**known, **facts})

    return call


@pytest.fixture
def keras_source(published: Path, model_file: Path) -> Any:
    """The model of the published folder."""
    from export.benchmark.candidate import find_keras_source
    from export.folder.manifest import read_manifest

    return find_keras_source(model_file, read_manifest(published))
