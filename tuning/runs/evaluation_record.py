"""How a model did on labelled examples, as the run keeps it. Standard library only."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class ClassScores:
    """Precision, recall and F1 of one class, each 0 to 1, and its number of images."""

    name: str
    precision: float
    recall: float
    f1: float
    examples: int


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How a predict function did on labelled images it was not trained on.

    `ci95` is the Wilson interval of the accuracy. `precision`, `recall` and `f1` are means over the classes that have
    images, each 0 to 1. `confusion[i][j]` counts images of class i that were called j.
    `misclassified` holds the indices of the wrong answers, ascending.
    """

    examples: int
    correct: int
    ci95: tuple[float, float]
    precision: float
    recall: float
    f1: float
    classes: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]
    misclassified: tuple[int, ...]

    @property
    def accuracy(self) -> float:
        """Share of correct answers, 0 to 1."""
        return self.correct / self.examples

    def as_json(self) -> dict[str, Any]:
        return {"accuracy": self.accuracy, **dataclasses.asdict(self)}
