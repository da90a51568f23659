"""What a benchmark looks like on a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from export.benchmark.timings import NOISY_SPREAD
from scripts.terminal.console import Part, Table, dim, red, yellow

if TYPE_CHECKING:
    from export.benchmark.record import Benchmark, BenchmarkResult, Comparison
    from export.benchmark.timings import Latency, Ratio
    from scripts.terminal.console import Console

_NOISY = "~"


def print_benchmark(console: Console, benchmark: Benchmark) -> None:
    """Latencies, then everything else, then the comparisons, and what is not to be trusted or not there."""
    machine = benchmark.machine
    threads = "1 thread" if benchmark.threads == 1 else f"{benchmark.threads} threads"
    console.print(
        f"{machine.processor}, {threads} each, {benchmark.rounds} rounds in turns; accuracy on "
        f"{benchmark.examples:,} examples"
    )
    whole = [result for result in benchmark.results if not result.failure]
    if whole:
        console.print_table(_latency_table(whole))
        console.print()
        console.print_table(_facts_table(whole))
    if benchmark.comparisons:
        console.print()
        console.print_table(_comparison_table(benchmark.comparisons))
        console.print(dim("size and time of a call, ours by model.export's: median of the rounds' ratios, middle half"))
    for result in benchmark.results:
        if result.failure:
            console.print(red(f"{result.name} was not measured: "), result.failure)
    for note in benchmark.notes:
        console.print(yellow("note: "), note)
    if any(result.is_noisy for result in whole):
        console.print(
            yellow(f"{_NOISY} noisy: "),
            f"the middle half of the rounds' medians spans more than {NOISY_SPREAD:.0%}: measure again when less else "
            "runs",
        )
    if machine.was_busy:
        console.print(
            yellow("the machine was busy: "),
            f"load {machine.load_average} on {machine.cores} cores at the start",
        )


def _latency_table(results: list[BenchmarkResult]) -> Table:
    """Milliseconds of one call at each batch size."""
    table = Table(gap=1)
    table.add_column("ms a call")
    for latency in results[0].latency:
        table.add_column(f"batch {latency.batch}", "p50", is_right=True)
        table.add_column("", "p95", is_right=True)
        table.add_column("", "p99", is_right=True)
    for result in results:
        table.add_row(result.name, *(cell for latency in result.latency for cell in _percentiles(latency)))
    return table


def _facts_table(results: list[BenchmarkResult]) -> Table:
    table = Table()
    table.add_column("")
    for name in ("images /s", "size kB", "load ms", "first ms", "peak MiB", "accuracy", "flips"):
        table.add_column(*name.split(), is_right=True)
    for result in results:
        table.add_row(
            result.name,
            _or_dash(result.images_per_second, "{:,.0f}".format),
            f"{result.size_bytes / 1000:.1f}",
            _or_dash(result.load_seconds, lambda seconds: f"{seconds * 1000:,.0f}"),
            _or_dash(result.first_call_seconds, lambda seconds: milliseconds(seconds * 1000)),
            _or_dash(result.peak_memory_bytes, lambda held: f"{held / 2**20:.0f}"),
            _or_dash(result.accuracy, "{:.2%}".format),
            _or_dash(result.label_flips, "{}".format),
        )
    return table


def _or_dash(value: float | None, write: Callable[[float], str]) -> str:
    return "–" if value is None else write(value)


def milliseconds(value: float) -> str:
    """Three digits, more before the point."""
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3}f}"


def _percentiles(latency: Latency) -> tuple[list[Part], str, str]:
    """One of too few calls is a dash."""
    p95, p99 = (_or_dash(value, milliseconds) for value in (latency.p95_ms, latency.p99_ms))
    return [_mark(latency), milliseconds(latency.p50_ms)], p95, p99


def _comparison_table(comparisons: Sequence[Comparison]) -> Table:
    table = Table()
    for name in ("÷ model.export", "size", *(f"batch {ratio.batch}" for ratio in comparisons[0].latencies)):
        table.add_column(name, is_right=not name.startswith("÷"))
    for comparison in comparisons:
        table.add_row(comparison.name, f"{comparison.size:.3f}", *(_ratio(ratio) for ratio in comparison.latencies))
    return table


def _ratio(ratio: Ratio) -> list[Part]:
    return [_mark(ratio), f"{ratio.paired:.2f} {ratio.low:.2f}–{ratio.high:.2f}"]


def _mark(measured: Latency | Ratio) -> Part:
    return yellow(_NOISY if measured.is_noisy else "")
