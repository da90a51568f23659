"""What a benchmark looks like on a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from export.benchmark.timings import NOISY_SPREAD

if TYPE_CHECKING:
    from rich.console import Console

    from export.benchmark.record import Benchmark, Comparison, Result
    from export.benchmark.timings import Latency, Ratio

_NOISY = "~"


def print_benchmark(console: Console, benchmark: Benchmark) -> None:
    """Latencies, then everything else, then the comparisons, and what is not to be trusted or not there."""
    machine = benchmark.machine
    threads = "1 thread" if benchmark.threads == 1 else f"{benchmark.threads} threads"
    console.print(
        f"{escape(machine.processor)}, {threads} each, {benchmark.rounds} rounds in turns; accuracy on "
        f"{benchmark.examples:,} examples"
    )
    whole = [result for result in benchmark.results if not result.failure]
    if whole:
        console.print(_latency_table(whole))
        console.print()
        console.print(_facts_table(whole))
    if benchmark.comparisons:
        console.print()
        console.print(_comparison_table(benchmark.comparisons))
        console.print(
            "[dim]size and time of a call, ours by model.export's: median of the rounds' ratios, middle half[/]"
        )
    for result in benchmark.results:
        if result.failure:
            console.print(f"[red]{escape(result.name)} was not measured:[/] {escape(result.failure)}")
    for note in benchmark.notes:
        console.print(f"[yellow]note:[/] {escape(note)}")
    if any(result.is_noisy for result in whole):
        console.print(
            f"[yellow]{_NOISY} noisy:[/] the middle half of the rounds' medians spans more than {NOISY_SPREAD:.0%}: "
            "measure again when less else runs"
        )
    if machine.was_busy:
        console.print(
            f"[yellow]the machine was busy:[/] load {machine.load_average} on {machine.cores} cores at the start"
        )


def _latency_table(results: list[Result]) -> Table:
    """Milliseconds of one call at each batch size."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("ms a call", no_wrap=True)
    for latency in results[0].latencies:
        table.add_column(f"batch {latency.batch}\np50", justify="right", no_wrap=True)
        table.add_column("\np95", justify="right", no_wrap=True)
        table.add_column("\np99", justify="right", no_wrap=True)
    for result in results:
        table.add_row(result.name, *(text for latency in result.latencies for text in _percentiles(latency)))
    return table


def _facts_table(results: list[Result]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("\n", no_wrap=True)
    for name in ("images\n/s", "size\nkB", "load\nms", "first\nms", "peak\nMiB", "accuracy\n", "flips\n"):
        table.add_column(name, justify="right", no_wrap=True)
    for result in results:
        memory = result.peak_memory_bytes
        table.add_row(
            result.name,
            f"{result.images_per_second:,.0f}",
            f"{result.size_bytes / 1000:.1f}",
            f"{result.load_seconds * 1000:,.0f}",
            milliseconds(result.first_call_seconds * 1e9),
            "–" if memory is None else f"{memory / 2**20:.0f}",
            "–" if result.accuracy is None else f"{result.accuracy:.2%}",
            "–" if result.label_flips is None else str(result.label_flips),
        )
    return table


def milliseconds(nanoseconds: float) -> str:
    """Three digits, more before the point."""
    value = nanoseconds / 1e6
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3}f}"


def _percentiles(latency: Latency) -> tuple[str, str, str]:
    """One of too few calls to tell is a dash."""
    mark = f"[yellow]{_NOISY}[/]" if latency.is_noisy else ""
    p95, p99 = ("–" if value is None else milliseconds(value) for value in (latency.p95, latency.p99))
    return mark + milliseconds(latency.p50), p95, p99


def _comparison_table(comparisons: Sequence[Comparison]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("÷ model.export", "size", *(f"batch {ratio.batch}" for ratio in comparisons[0].latencies)):
        table.add_column(name, justify="left" if name.startswith("÷") else "right", no_wrap=True)
    for comparison in comparisons:
        table.add_row(comparison.name, f"{comparison.size:.3f}", *(_ratio(ratio) for ratio in comparison.latencies))
    return table


def _ratio(ratio: Ratio) -> str:
    mark = f"[yellow]{_NOISY}[/]" if ratio.is_noisy else ""
    return f"{mark}{ratio.paired:.2f} {ratio.low:.2f}–{ratio.high:.2f}"
