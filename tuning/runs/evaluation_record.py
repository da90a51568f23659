"""How a model did on labelled examples, as the run keeps it. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from tuning.files.json_record import JsonRecord

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class ClassScores(JsonRecord):
    """Precision, recall and F1 of one class, each 0 to 1, and its number of images."""

    name: str
    precision: float
    recall: float
    f1: float
    examples: int


@dataclass(frozen=True, kw_only=True)
class Evaluation(JsonRecord):
    """How a predict function did on labelled images it was not trained on.

    `ci95` is the Wilson interval of the accuracy. `precision`, `recall` and `f1` are means over the classes that have
    images, each 0 to 1. `confusion[i][j]` counts images of class i that were called j.
    `misclassified` holds the indices of the wrong answers, ascending.
    """

    _ADDED: ClassVar[tuple[str, ...]] = ("accuracy",)

    examples: int
    correct: int
    ci95: tuple[float, float]
    precision: float
    recall: float
    f1: float
    classes: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]
    misclassified: tuple[int, ...]
    version: int = VERSION

    def __post_init__(self) -> None:
        """Raises ValueError for a count that no evaluation gives."""
        if not 0 <= self.correct <= self.examples or self.examples < 1:
            raise ValueError(f"correct must be 0 to examples, got {self.correct} of {self.examples}")

    @property
    def accuracy(self) -> float:
        """Share of correct answers, 0 to 1."""
        return self.correct / self.examples

    @property
    def scores(self) -> dict[str, float]:
        """The means over the classes, by name."""
        return {"precision": self.precision, "recall": self.recall, "f1": self.f1}


@dataclass(frozen=True, kw_only=True)
class OutputEvaluation(JsonRecord):
    """How a model that is no classifier did: its loss and metrics on so many examples, by the names of Keras."""

    examples: int
    metrics: Mapping[str, float]
    version: int = VERSION
