"""What a benchmark found: facts for each candidate, and how ours compare with those of Keras's own export."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from export.artifact import Format, Variant
from export.benchmark.candidate import Exporter
from export.benchmark.messages import Opened
from export.benchmark.timings import NOISY_SPREAD, Latency, Ratio, compare_latency
from tuning.files.json_record import JsonRecord


@dataclass(frozen=True, kw_only=True)
class BenchmarkResult(JsonRecord):
    """One candidate. `failure` says why nothing more is known of it; else it is empty.

    `sha256`: of its files, by path. `starts`: each time that it was loaded by a new process. `accuracy` (0 to 1) and
    `label_flips` (against the Keras model's reference answers) are None for a model that is no classifier. What
    follows from its starts and calls is None where there are none.
    """

    _ADDED: ClassVar = ("load_seconds", "first_call_seconds", "images_per_second", "is_noisy")

    name: str
    maker: Exporter
    format: Format | None
    variant: Variant
    sha256: Mapping[str, str]
    size_bytes: int
    failure: str = ""
    starts: tuple[Opened, ...] = ()
    latency: tuple[Latency, ...] = ()
    peak_memory_bytes: int | None = None
    accuracy: float | None = None
    label_flips: int | None = None

    @property
    def load_seconds(self) -> float | None:
        """Median of the starts: runtime and file."""
        return _median([start.import_seconds + start.open_seconds for start in self.starts])

    @property
    def first_call_seconds(self) -> float | None:
        return _median([start.first_call_seconds for start in self.starts])

    @property
    def images_per_second(self) -> float | None:
        """At the batch size that gives most."""
        return max((latency.images_per_second for latency in self.latency), default=None)

    @property
    def is_noisy(self) -> bool:
        return any(latency.is_noisy for latency in self.latency)

    def latency_at(self, batch: int) -> Latency:
        """The one of that batch size, which must have been measured."""
        return next(latency for latency in self.latency if latency.batch == batch)


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


@dataclass(frozen=True, kw_only=True)
class Comparison(JsonRecord):
    """A published file against that of `model.export` in the same format: below 1 it is smaller, and faster."""

    name: str
    against: str
    size: float
    latencies: tuple[Ratio, ...]


@dataclass(frozen=True, kw_only=True)
class Machine(JsonRecord):
    """Where it was measured. `load_average`: processes at work in the minute before; None where the system does not
    tell."""

    processor: str
    cores: int
    system: str
    load_average: float | None

    @property
    def was_busy(self) -> bool:
        """Whether others took half a core or more."""
        return self.load_average is not None and self.load_average >= 0.5


@dataclass(frozen=True, kw_only=True)
class Benchmark(JsonRecord):
    """All candidates, measured in turns on the CPU of one machine. `notes`: what could not be measured, and why.

    `examples`: images behind accuracies and flips.
    """

    _ADDED: ClassVar = ("noisy", "comparisons")

    machine: Machine
    versions: Mapping[str, str]
    threads: int
    rounds: int
    examples: int
    results: tuple[BenchmarkResult, ...]
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every published file could be measured."""
        return all(not result.failure for result in self.results if result.maker is Exporter.PUBLISHED)

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """Every published file against that of `model.export` in its format, where both were measured."""
        whole = [result for result in self.results if not result.failure]
        theirs = {result.format: result for result in whole if result.maker is Exporter.MODEL_EXPORT}
        return tuple(
            Comparison(
                name=ours.name,
                against=theirs[ours.format].name,
                size=ours.size_bytes / theirs[ours.format].size_bytes,
                latencies=tuple(
                    compare_latency(latency, theirs[ours.format].latency_at(latency.batch)) for latency in ours.latency
                ),
            )
            for ours in whole
            if ours.maker is Exporter.PUBLISHED and ours.format in theirs
        )

    @property
    def noisy(self) -> str:
        """What the word means here, for readers of the file."""
        return f"the middle half of the rounds' medians spans more than {NOISY_SPREAD:.0%} of their median"

    def without_calls(self) -> dict[str, Any]:
        """What is written, without the nanoseconds of every single call."""
        data = self.as_json()
        for result in data["results"]:
            for latency in result["latency"]:
                del latency["rounds_ns"]
        return data
