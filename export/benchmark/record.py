"""What a benchmark found: facts for each candidate, and how ours compare with those of Keras's own export."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from export.artifact import Format, Variant
from export.benchmark.candidate import Exporter
from export.benchmark.messages import Opened
from export.benchmark.timings import NOISY_SPREAD, Latency, Ratio, compare_latency

_MS = 1e6


@dataclass(frozen=True, kw_only=True)
class BenchmarkResult:
    """One candidate. `failure` says why nothing more is known of it; else it is empty.

    `starts`: each time that it was loaded by a new process. `accuracy` (0 to 1) and `label_flips` (against the Keras
    model's reference answers) are None for a model that is no classifier.
    """

    name: str
    maker: Exporter
    format: Format | None
    variant: Variant
    files: Mapping[str, str]
    size_bytes: int
    failure: str = ""
    starts: tuple[Opened, ...] = ()
    latencies: tuple[Latency, ...] = ()
    peak_memory_bytes: int | None = None
    accuracy: float | None = None
    label_flips: int | None = None

    @property
    def load_seconds(self) -> float:
        """Median of the starts: runtime and file."""
        return statistics.median([start.import_seconds + start.open_seconds for start in self.starts])

    @property
    def first_call_seconds(self) -> float:
        return statistics.median([start.first_call_seconds for start in self.starts])

    @property
    def images_per_second(self) -> float:
        """At the batch size that gives most."""
        return max(latency.images_per_second for latency in self.latencies)

    @property
    def is_noisy(self) -> bool:
        return any(latency.is_noisy for latency in self.latencies)

    def latency(self, batch: int) -> Latency:
        """The one of that batch size, which must have been measured."""
        return next(latency for latency in self.latencies if latency.batch == batch)

    def as_json(self, *, raw: bool) -> dict[str, Any]:
        """`raw`: with the nanoseconds of every single call."""
        facts = {
            "name": self.name,
            "maker": self.maker,
            "format": self.format,
            "variant": self.variant,
            "sha256": dict(self.files),
            "size_bytes": self.size_bytes,
            "failure": self.failure,
        }
        if self.failure:
            return facts
        return {
            **facts,
            "load_seconds": self.load_seconds,
            "first_call_seconds": self.first_call_seconds,
            "starts": [dataclasses.asdict(start) for start in self.starts],
            "peak_memory_bytes": self.peak_memory_bytes,
            "images_per_second": self.images_per_second,
            "accuracy": self.accuracy,
            "label_flips": self.label_flips,
            "is_noisy": self.is_noisy,
            "latency": [_latency_as_json(latency, raw=raw) for latency in self.latencies],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> BenchmarkResult:
        """What `as_json(raw=True)` gave."""
        return cls(
            name=data["name"],
            maker=Exporter(data["maker"]),
            format=None if data["format"] is None else Format(data["format"]),
            variant=Variant(data["variant"]),
            files=dict(data["sha256"]),
            size_bytes=data["size_bytes"],
            failure=data["failure"],
            starts=tuple(Opened(**start) for start in data.get("starts", ())),
            latencies=tuple(
                Latency(batch=found["batch"], rounds=tuple(tuple(calls) for calls in found["rounds_ns"]))
                for found in data.get("latency", ())
            ),
            peak_memory_bytes=data.get("peak_memory_bytes"),
            accuracy=data.get("accuracy"),
            label_flips=data.get("label_flips"),
        )


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A published file against that of `model.export` in the same format: below 1 it is smaller, and faster."""

    name: str
    against: str
    size: float
    latencies: tuple[Ratio, ...]


@dataclass(frozen=True, kw_only=True)
class Machine:
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
class Benchmark:
    """All candidates, measured in turns on the CPU of one machine. `notes`: what could not be measured, and why.

    `examples`: images behind accuracies and flips.
    """

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
                    compare_latency(latency, theirs[ours.format].latency(latency.batch)) for latency in ours.latencies
                ),
            )
            for ours in whole
            if ours.maker is Exporter.PUBLISHED and ours.format in theirs
        )

    def as_json(self, *, raw: bool) -> dict[str, Any]:
        """What `benchmark.json` holds with `raw`; without, no single calls."""
        return {
            "machine": dataclasses.asdict(self.machine),
            "versions": dict(self.versions),
            "threads": self.threads,
            "rounds": self.rounds,
            "examples": self.examples,
            "noisy": f"the middle half of the rounds' medians spans more than {NOISY_SPREAD:.0%} of their median",
            "notes": list(self.notes),
            "comparisons": [dataclasses.asdict(comparison) for comparison in self.comparisons],
            "results": [result.as_json(raw=raw) for result in self.results],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Benchmark:
        """What `as_json(raw=True)` gave."""
        return cls(
            machine=Machine(**data["machine"]),
            versions=dict(data["versions"]),
            threads=data["threads"],
            rounds=data["rounds"],
            examples=data["examples"],
            results=tuple(BenchmarkResult.from_json(result) for result in data["results"]),
            notes=tuple(data["notes"]),
        )


def _latency_as_json(latency: Latency, *, raw: bool) -> dict[str, Any]:
    facts = {
        "batch": latency.batch,
        "calls": latency.calls,
        "p50_ms": latency.p50 / _MS,
        "p95_ms": None if latency.p95 is None else latency.p95 / _MS,
        "p99_ms": None if latency.p99 is None else latency.p99 / _MS,
        "images_per_second": latency.images_per_second,
        "spread": latency.spread,
        "is_noisy": latency.is_noisy,
    }
    return {**facts, "rounds_ns": [list(calls) for calls in latency.rounds]} if raw else facts
