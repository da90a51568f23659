"""What every contestant of a throughput measurement is given, and how it tells of its trainings."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scripts.benches.rivals.training import Marks
    from tuning.plugins.user_callbacks import TrialContext
    from tuning.settings import Configuration

SPACES = ("small", "whole")


@dataclass(frozen=True, kw_only=True)
class RivalJob:
    """The same trials for everybody.

    `space`: one in `SPACES`. `trials`: their number; `configurations`: empty before they are drawn. `seed`: what Keras
    Tuner draws them with. `workers`: how many trials train at the same time.
    """

    dataset: str
    space: str
    trials: int
    epochs: int
    seed: int
    workers: int = 1
    configurations: tuple[Configuration, ...] = ()

    def write(self, folder: Path) -> None:
        """Into the folder that the contestant's process is given."""
        (folder / "job.json").write_text(json.dumps(dataclasses.asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> RivalJob:
        data = json.loads((folder / "job.json").read_text(encoding="utf-8"))
        return cls(**{**data, "configurations": tuple(data["configurations"])})


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A training's start or end at `seconds` of wall time; `epochs` that it had by then; its last `val_accuracy`."""

    seconds: float
    epochs: int
    val_accuracy: float | None = None


@dataclass(frozen=True, kw_only=True)
class MarksFile:
    """Where all processes of a contestant append the starts and ends of their trainings."""

    path: Path

    @classmethod
    def of(cls, folder: Path) -> MarksFile:
        return cls(path=folder / "marks.jsonl")

    def append(self, epochs: int, val_accuracy: float | None = None) -> None:
        """Now. A line is one write, so those of several processes do not mix."""
        # The wall clock is the one that all processes have in common.
        mark = Mark(seconds=time.time(), epochs=epochs, val_accuracy=val_accuracy)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(dataclasses.asdict(mark)) + "\n")

    def read(self) -> list[Mark]:
        """All in the order in which they came; none where nothing was trained."""
        if not self.path.exists():
            return []
        return [Mark(**json.loads(line)) for line in self.path.read_text(encoding="utf-8").splitlines()]

    def __call__(self, context: TrialContext) -> Marks:
        """As a callback factory of this project."""
        from scripts.benches.rivals.training import Marks

        return Marks(self)


def given() -> tuple[RivalJob, Path]:
    """The job and the folder for everything else, in a contestant's process."""
    folder = Path(sys.argv[1])
    return RivalJob.read(folder), folder


def write_configurations(folder: Path, configurations: list[dict[str, Any]]) -> None:
    (folder / "configurations.json").write_text(json.dumps(configurations), encoding="utf-8")


def read_configurations(folder: Path) -> tuple[Configuration, ...]:
    return tuple(json.loads((folder / "configurations.json").read_text(encoding="utf-8")))
