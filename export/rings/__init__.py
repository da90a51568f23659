"""Rings of verification, found by name in `checks`, and what they are given: a file, opened from its written bytes.

They need numpy and the runtime of the file, nothing else, so that they hold wherever the file is used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from export.arrays import Arrays
from export.artifact import Artifact, Description, Format
from export.comparison.output_parity import compare_outputs
from export.comparison.parity import compare
from export.comparison.reference import Reference
from export.comparison.ring_result import RingFinding
from export.comparison.tolerance import Tolerance
from export.formats.runtime import RuntimeModel, load


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidate:
    """A written file, what it should be, and the standard it is held to. `model`: it in its runtime."""

    artifact: Artifact
    folder: Path
    description: Description
    reference: Reference
    tolerance: Tolerance
    model: RuntimeModel

    @property
    def path(self) -> Path:
        return self.folder / self.artifact.target.file

    def reload(self, *, threads: int | None = None, optimized: bool = True) -> RuntimeModel:
        """The file once more, opened in another way."""
        return load(self.artifact.target, self.path, threads=threads, optimized=optimized)

    def judge(self, expected: Arrays, answers: Arrays) -> Judgement:
        """Hold answers to those of the Keras model where no label is known to be right.

        A changed label is then judged by whether differences within the limit explain it: next to the boundary
        between two classes any difference changes it. Raises ValueError for what can't be compared.
        """
        loose = replace(self.tolerance, flips=None, accuracy_loss=None, agreement=None)
        if self.reference.labels is not None:
            (name,) = expected
            parity = compare(expected[name], answers[name], None, tolerance=loose)
            return Judgement(failures=parity.failures, max_abs_error=parity.max_abs_error)
        outputs = compare_outputs(expected, answers, tolerance=loose)
        return Judgement(failures=outputs.far, max_abs_error=outputs.max_abs_error)


def _nothing(kind: Format) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Ring:
    """One ring of verification.

    `check` does not raise for whatever is wrong with the file. `get_ready` loads ahead of time what it needs for files
    of a format. `order`: those that explain most come first.
    """

    order: int
    check: Callable[[Candidate], RingFinding]
    get_ready: Callable[[Format], None] = _nothing


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What is outside of its limit, in words, and the largest difference of any number."""

    failures: tuple[str, ...]
    max_abs_error: float


def same_bits(first: Arrays, second: Arrays) -> bool:
    """Whether both hold the same arrays, bit by bit."""
    return set(first) == set(second) and all(np.array_equal(first[name], second[name]) for name in first)
