"""What the process that measures and the one that is measured say to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from export.artifact import Format
from export.benchmark.candidate import BenchmarkedModel, KerasSource
from tuning.files.json_record import JsonRecord


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Where examples lie: an npy file of (examples, …) for each input, by its name and in the model's order.

    On disk, so that a process holds no more of them than it is asked about.
    """

    names: tuple[str, ...]
    paths: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True)
class LoadRequest:
    """Load the candidate, answer for the first time, and warm up at every batch size."""

    candidate: BenchmarkedModel
    inputs: Inputs
    threads: int
    batches: tuple[int, ...]
    keras: KerasSource | None = None


@dataclass(frozen=True, kw_only=True)
class Opened(JsonRecord):
    """How long that took, in seconds. `import_seconds`: of the runtime; `open_seconds`: of the file;
    `first_call_seconds`: at batch 1. `memory_before_bytes`: the most that was held before the runtime was imported."""

    import_seconds: float
    open_seconds: float
    first_call_seconds: float
    warm_up_seconds: float
    memory_before_bytes: int | None


@dataclass(frozen=True, kw_only=True)
class Burst:
    """Answer several times, at once, and report how long each call took."""

    batch: int


@dataclass(frozen=True, kw_only=True)
class Timed:
    """Nanoseconds of each call of a burst."""

    calls: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Finish:
    """Report the peak memory, then answer all examples into `answers`, an npy file of the first output, if asked to."""

    answers: Path | None


@dataclass(frozen=True, kw_only=True)
class PeakMemory:
    """The most memory that was held until all calls were timed; None where the system does not say."""

    peak_memory_bytes: int | None


@dataclass(frozen=True, kw_only=True)
class Prepare:
    """Write the Keras model's own inputs, and what `model.export` makes of it, into `folder`."""

    source: KerasSource
    inputs: Inputs
    formats: tuple[Format, ...]
    folder: Path


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What was written: the model's own inputs, and by format the file of `model.export` or why there is none.

    `threshold`: from which answer on a model with a single unit means the second class. `failure`:
    why the model itself is not available; else empty.
    """

    inputs: Inputs
    files: Mapping[Format, Path]
    failures: Mapping[Format, str]
    threshold: float
    failure: str = ""


@dataclass(frozen=True, kw_only=True)
class Failed:
    """What was asked for is not available."""

    reason: str


Request = LoadRequest | Burst | Finish | Prepare
Reply = Opened | Timed | PeakMemory | Prepared | Failed
