"""One candidate while it is measured: its process, what is known of it so far, and why no more is."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from export.apart.limits import USUAL, Limits
from export.benchmark.candidate import BATCHES
from export.benchmark.messages import Burst, Finish, LoadRequest, Opened, PeakMemory, Reply, Request, Timed
from export.benchmark.record import BenchmarkResult
from export.benchmark.timings import FEWEST_ROUNDS, Latency
from export.benchmark.worker_process import BenchmarkProcess, WorkerError
from export.comparison.parity import compare
from export.comparison.reference import Reference
from export.comparison.tolerance import Tolerance
from export.errors import InputError

_Kind = TypeVar("_Kind", bound=Reply)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to measure. `threads` of each runtime; `rounds` of turns; `starts` of each candidate, for its load time.

    `environment`: variables of the processes, in addition to this one's. `limits`: of a process for each
    answer.
    """

    threads: int = 1
    rounds: int = 15
    starts: int = 3
    batches: tuple[int, ...] = BATCHES
    environment: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = USUAL

    def __post_init__(self) -> None:
        """Raises InputError for a number that nothing can be measured with."""
        for option, value, fewest in (("threads", self.threads, 1), ("repeats", self.rounds, FEWEST_ROUNDS)):
            if value < fewest:
                raise InputError(f"--{option} must be {fewest} or more, got {value}")


class Session:
    """Once something failed, nothing more is asked of the candidate, and `failure` says what it was."""

    def __init__(self, task: LoadRequest, settings: Settings, *, failure: str = "") -> None:
        """`failure`: why the candidate can't even be started, if that is known."""
        self.failure = failure
        self._task = task
        self._settings = settings
        self._process: BenchmarkProcess | None = None
        self._starts: list[Opened] = []
        self._calls: dict[int, list[tuple[int, ...]]] = {batch: [] for batch in settings.batches}
        self._peak_memory_bytes: int | None = None
        self._accuracy: float | None = None
        self._label_flips: int | None = None

    @property
    def name(self) -> str:
        return self._task.candidate.name

    @property
    def pid(self) -> int | None:
        """Of its process; None while there is none."""
        return None if self._process is None else self._process.pid

    def start(self, *, stays: bool) -> None:
        """Load the candidate in a new process; one that stays is warmed up for its turns."""
        if self.failure:
            return
        self._process = BenchmarkProcess(threads=self._settings.threads, environment=self._settings.environment)
        task = self._task if stays else dataclasses.replace(self._task, batches=())
        self._starts += self._ask(task, Opened)
        if not stays:
            self.end()

    def burst(self, batch: int) -> None:
        """Let it answer several times."""
        self._calls[batch] += [timed.calls for timed in self._ask(Burst(batch=batch), Timed)]

    def finish(self, reference: Reference, threshold: float, answers: Path) -> None:
        """Note its peak memory, and of a classifier how many labels are right and how many differ from the reference's.

        `threshold`: from which answer on a single unit means the second class. `answers`: a file for them.
        """
        is_classifier = reference.labels is not None
        for finished in self._ask(Finish(answers=answers if is_classifier else None), PeakMemory):
            self._peak_memory_bytes = finished.peak_memory_bytes
            if reference.labels is not None:
                self._score(reference, reference.labels, _two_columns(np.load(answers), threshold))
        self.end()

    def end(self) -> None:
        """End its process. Safe to repeat."""
        if self._process is not None:
            self._process.end()
            self._process = None

    def result(self) -> BenchmarkResult:
        candidate = self._task.candidate
        bare = BenchmarkResult(
            name=candidate.name,
            maker=candidate.maker,
            format=candidate.format,
            variant=candidate.variant,
            sha256=candidate.files,
            size_bytes=candidate.size_bytes,
            failure=self.failure,
        )
        if self.failure:
            return bare
        return dataclasses.replace(
            bare,
            starts=tuple(self._starts),
            latency=tuple(Latency(batch=batch, rounds_ns=tuple(calls)) for batch, calls in self._calls.items()),
            peak_memory_bytes=self._peak_memory_bytes,
            accuracy=self._accuracy,
            label_flips=self._label_flips,
        )

    def _ask(self, request: Request, kind: type[_Kind]) -> list[_Kind]:
        """The one reply, or none where the candidate failed."""
        if self._process is None:
            return []
        try:
            return [self._process.ask(request, kind, limits=self._settings.limits)]
        except WorkerError as error:
            self.failure = str(error)
            self.end()
            return []

    def _score(self, reference: Reference, labels: np.ndarray, answers: np.ndarray) -> None:
        try:
            parity = compare(reference.probabilities, answers, labels, tolerance=Tolerance())
        except ValueError as error:
            self.failure = f"its answers can't be compared: {error}"
            return
        self._accuracy, self._label_flips = parity.accuracy, parity.label_flips


def _two_columns(answers: np.ndarray, threshold: float) -> np.ndarray:
    """What a single unit says as two columns, the larger of which is the class; other answers as they are."""
    if answers.ndim == 2 and answers.shape[1] == 1:
        return np.concatenate([2 * threshold - answers, answers], axis=1)
    return answers
