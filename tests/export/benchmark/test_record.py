"""What a benchmark holds, and how its files compare with Keras's own."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import pytest

from export.artifact import Format, Variant
from export.benchmark.candidate import Exporter
from export.benchmark.record import Benchmark, BenchmarkResult
from export.benchmark.timings import Latency


def test_what_is_written_is_what_is_read(benchmark: Callable[..., Benchmark]) -> None:
    written = benchmark(notes=("a note",))

    assert Benchmark.from_json(json.loads(json.dumps(written.as_json(), allow_nan=False))) == written


def test_a_candidate_that_failed_may_lack_what_nothing_is_known_of(benchmark: Callable[..., Benchmark]) -> None:
    written = benchmark().as_json()
    failed = next(result for result in written["results"] if result["failure"])
    known = ("name", "maker", "format", "variant", "sha256", "size_bytes", "failure")
    earlier = [{name: failed[name] for name in known} if found is failed else found for found in written["results"]]

    assert Benchmark.from_json({**written, "results": earlier}) == benchmark()


def test_without_single_calls_everything_else_is_the_same(benchmark: Callable[..., Benchmark]) -> None:
    raw, short = benchmark().as_json(), benchmark().without_calls()

    (latency, _) = raw["results"][0]["latency"]
    assert latency.pop("rounds_ns") == [[10**6] * 40] * 5
    assert latency == short["results"][0]["latency"][0]
    assert short["results"][0]["latency"][0]["p50_ms"] == 1


def test_a_result_tells_medians_of_its_starts_and_its_best_throughput(result: Callable[..., BenchmarkResult]) -> None:
    found = result("model.onnx")
    slow = dataclasses.replace(found.starts[0], open_seconds=100.0, first_call_seconds=100.0)

    assert dataclasses.replace(found, starts=(slow, *found.starts[1:])).load_seconds == 1.5
    assert dataclasses.replace(found, starts=(slow, *found.starts[1:])).first_call_seconds == 0.25
    assert found.images_per_second == pytest.approx(500)
    assert not found.is_noisy


def test_one_noisy_batch_size_makes_a_result_noisy(result: Callable[..., BenchmarkResult]) -> None:
    found = result("model.onnx")
    noisy = Latency(batch=256, rounds_ns=((10,), (20,), (30,)))

    assert dataclasses.replace(found, latency=(*found.latency, noisy)).is_noisy


def test_files_are_compared_with_those_of_keras_in_their_format(benchmark: Callable[..., Benchmark]) -> None:
    (comparison,) = benchmark().comparisons

    assert (comparison.name, comparison.against) == ("model.onnx", "model.export onnx")
    assert comparison.size == 0.9
    assert [(ratio.batch, ratio.paired, ratio.of_medians) for ratio in comparison.latencies] == [
        (1, 0.5, 0.5),
        (32, 0.5, 0.5),
    ]


def test_every_variant_is_compared_with_the_one_file_of_keras(
    benchmark: Callable[..., Benchmark], result: Callable[..., BenchmarkResult]
) -> None:
    found = benchmark(
        result("model.onnx"),
        result("another.onnx", variant=Variant.FLOAT32),
        result("model.tflite", format=Format.TFLITE),
        result("model.export onnx", maker=Exporter.MODEL_EXPORT),
        result("model.predict", maker=Exporter.MODEL_PREDICT, format=None),
    )

    assert [comparison.name for comparison in found.comparisons] == ["model.onnx", "another.onnx"]


def test_only_a_published_file_that_can_t_be_measured_is_a_no(
    benchmark: Callable[..., Benchmark], result: Callable[..., BenchmarkResult]
) -> None:
    assert benchmark().passed
    assert not benchmark(result("model.onnx", failure="it was killed")).passed


@pytest.mark.parametrize(("load", "busy"), [(None, False), (0.49, False), (0.5, True)])
def test_a_machine_where_others_take_half_a_core_is_busy(
    benchmark: Callable[..., Benchmark], load: float | None, busy: bool
) -> None:
    assert dataclasses.replace(benchmark().machine, load_average=load).was_busy is busy
