"""A benchmark fits a terminal of 80 columns and says what is not to be trusted."""

from __future__ import annotations

import io
from typing import Any

import pytest

from export.artifact import Format, Variant
from export.benchmark.candidate import BATCHES, Exporter
from export.benchmark.messages import Opened
from export.benchmark.record import Benchmark, BenchmarkResult, Machine
from export.benchmark.timings import Latency
from scripts.terminal.benchmark_tables import milliseconds, print_benchmark
from scripts.terminal.console import Console

OPENED = Opened(
    import_seconds=12.0, open_seconds=0.5, first_call_seconds=1.25, warm_up_seconds=0.1, memory_before_bytes=None
)


def make_result(
    name: str, *, maker: Exporter = Exporter.PUBLISHED, rounds: tuple[int, ...] = (10**8,) * 3, **facts: Any
) -> BenchmarkResult:
    calls = tuple((nanoseconds,) * 40 for nanoseconds in rounds)
    known: dict[str, Any] = {
        "name": name,
        "maker": maker,
        "format": Format.TFLITE,
        "variant": Variant.FLOAT32,
        "sha256": {},
        "size_bytes": 123_456_789,
        "starts": (OPENED,),
        "latency": tuple(Latency(batch=batch, rounds_ns=calls) for batch in BATCHES),
        "peak_memory_bytes": 2**31,
        "accuracy": 0.9936,
        "label_flips": 1234,
    }
    return BenchmarkResult(**{**known, **facts})


def make_benchmark(*results: BenchmarkResult, load: float = 0.1, notes: tuple[str, ...] = ()) -> Benchmark:
    machine = Machine(processor="AMD EPYC 9B14 96-Core", cores=2, system="a system", load_average=load)
    return Benchmark(machine=machine, versions={}, threads=1, rounds=3, examples=10_000, results=results, notes=notes)


def printed(benchmark: Benchmark) -> str:
    console = Console(io.StringIO(), width=80)
    print_benchmark(console, benchmark)
    text = console._file
    assert isinstance(text, io.StringIO)
    return text.getvalue()


@pytest.mark.parametrize(
    ("value", "text"), [(0.0864, "0.086"), (1.234, "1.23"), (12.34, "12.3"), (123.4, "123"), (1234, "1,234")]
)
def test_milliseconds_have_three_digits(value: float, text: str) -> None:
    assert milliseconds(value) == text


def test_large_numbers_and_long_names_fit_80_columns() -> None:
    files = [make_result("model_dynamic.tflite"), make_result("model.export litert", maker=Exporter.MODEL_EXPORT)]

    lines = printed(make_benchmark(*files)).splitlines()

    tables = [line for line in lines[1:] if not line.startswith("size and time")]
    assert max(map(len, tables)) <= 80
    assert "AMD EPYC 9B14 96-Core, 1 thread each, 3 rounds in turns; accuracy on 10,000 examples" in lines[0]


def test_every_promised_fact_stands_in_it() -> None:
    text = printed(make_benchmark(make_result("model.tflite")))

    for fact in ("batch 1", "batch 32", "batch 256", "p50", "p95", "p99", "images", "size", "load", "first"):
        assert fact in text
    for fact in ("peak", "accuracy", "flips", "12,500", "1,250", "2048", "99.36%", "1234", "2,560"):
        assert fact in text
    assert "noisy" not in text
    assert "busy" not in text


def test_files_are_set_against_those_of_model_export() -> None:
    ours = make_result("model.tflite", rounds=(9 * 10**7,) * 3, size_bytes=99)
    theirs = make_result("model.export litert", maker=Exporter.MODEL_EXPORT, size_bytes=100)

    text = printed(make_benchmark(ours, theirs))

    assert "÷ model.export" in text
    assert "model.tflite    0.990  0.90 0.90–0.90" in text


def test_noise_is_marked_and_said() -> None:
    text = printed(make_benchmark(make_result("model.tflite", rounds=(10**8, 2 * 10**8, 3 * 10**8))))

    assert "~200" in text
    assert "~ noisy: the middle half of the rounds' medians spans more than 10%" in text


def test_a_busy_machine_is_said() -> None:
    assert "the machine was busy: load 1.7 on 2 cores" in printed(make_benchmark(make_result("a"), load=1.7))


def test_what_was_not_measured_says_why() -> None:
    failed = make_result("model.tflite", failure="its process was ended by [SIGKILL]")

    text = printed(make_benchmark(failed, notes=("model.predict is left out [because]",)))

    assert "model.tflite was not measured: its process was ended by [SIGKILL]" in text
    assert "note: model.predict is left out [because]" in text


def test_too_few_calls_leave_dashes_and_a_regression_has_no_accuracy() -> None:
    few = tuple(Latency(batch=batch, rounds_ns=((10**6,),) * 3) for batch in BATCHES)

    text = printed(
        make_benchmark(make_result("m", latency=few, accuracy=None, label_flips=None, peak_memory_bytes=None))
    )

    assert text.count("–") == 2 * 3 + 3
