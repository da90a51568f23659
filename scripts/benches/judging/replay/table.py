"""A table of learning curves: what a search would have seen of each configuration, had it trained it."""

from __future__ import annotations

import gzip
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuning.settings import Configuration, Value
from tuning.space.distance import is_number, observed_scales
from tuning.space.ranges import Choices, Ranges

_ABSENT_APART = 1.0


@dataclass(frozen=True, kw_only=True)
class RecordedCurve:
    """One training. `seconds` and `val_loss` of every epoch; `test_error` in percent after the last one."""

    seconds: tuple[float, ...]
    val_loss: tuple[float, ...]
    test_error: float


@dataclass(frozen=True, kw_only=True)
class TableEntry:
    """A configuration, and its trainings with other seeds."""

    number: int
    hyperparameters: Configuration
    parameters: int
    curves: tuple[RecordedCurve, ...]

    @property
    def test_error(self) -> float:
        """The mean over the seeds, in percent."""
        return statistics.fmean(curve.test_error for curve in self.curves)


@dataclass(frozen=True, kw_only=True, eq=False)
class CurveTable:
    """Every configuration whose trainings are whole. `ranges`: the values that occur; numbers are ordered."""

    name: str
    entries: tuple[TableEntry, ...]
    ranges: Ranges
    _columns: _TableColumns = field(repr=False)

    @classmethod
    def of(cls, lines: Sequence[Mapping[str, Any]], *, name: str) -> CurveTable:
        """The table that the lines make. Raises ValueError if they make none."""
        longest = max((len(line["val_loss"]) for line in lines), default=0)
        found: dict[str, list[Mapping[str, Any]]] = {}
        for line in lines:
            # A training that diverged is shorter, and keeps its last value.
            found.setdefault(json.dumps(line["hyperparameters"], sort_keys=True), []).append(line)
        entries = tuple(
            TableEntry(
                number=number,
                hyperparameters=trainings[0]["hyperparameters"],
                parameters=trainings[0]["parameters"],
                curves=tuple(_curve(line, epochs=longest) for line in sorted(trainings, key=lambda each: each["seed"])),
            )
            for number, trainings in enumerate(found.values())
        )
        if not entries:
            raise ValueError(f"{name} holds no trainings")
        configurations = [entry.hyperparameters for entry in entries]
        return cls(
            name=name, entries=entries, ranges=_ranges(configurations), _columns=_TableColumns.of(configurations)
        )

    @classmethod
    def read(cls, path: Path) -> CurveTable:
        """The table in a file of gzip'd JSON lines, as `scripts/bench tables` writes it."""
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            return cls.of([json.loads(line) for line in lines], name=path.name.removesuffix(".jsonl.gz"))

    @property
    def epochs(self) -> int:
        """Of a whole training."""
        return len(self.entries[0].curves[0].val_loss)

    @property
    def training_seconds(self) -> float:
        """Of a whole training: the median."""
        return statistics.median(sum(curve.seconds) for entry in self.entries for curve in entry.curves)

    @property
    def lowest_error(self) -> float:
        """The test error of the best configuration, in percent."""
        return min(entry.test_error for entry in self.entries)

    def nearest(self, values: Configuration, *, but: frozenset[int] | set[int] = frozenset()) -> TableEntry:
        """The configuration with the smallest Gower distance, among those whose numbers are not in `but`."""
        apart = self._columns.distances(values)
        apart[list(but)] = np.inf
        return self.entries[int(apart.argmin())]


@dataclass(frozen=True, kw_only=True, eq=False)
class _TableColumns:
    """Configurations as rows of numbers: a number's place, a word's number, NaN if absent."""

    names: tuple[str, ...]
    scales: Mapping[str, Any]
    words: Mapping[str, list[Value]]
    rows: NDArray[np.float64]

    @classmethod
    def of(cls, configurations: Sequence[Configuration]) -> _TableColumns:
        names = tuple(dict.fromkeys(name for values in configurations for name in values))
        scales = observed_scales(configurations)
        words: dict[str, list[Value]] = {name: [] for name in names if name not in scales}
        for values in configurations:
            for name in words.keys() & values.keys():
                if values[name] not in words[name]:
                    words[name].append(values[name])
        bare = cls(names=names, scales=scales, words=words, rows=np.zeros((0, len(names))))
        return cls(names=names, scales=scales, words=words, rows=np.array([bare.row(each) for each in configurations]))

    def row(self, values: Configuration) -> list[float]:
        return [self._place(name, values[name]) if name in values else np.nan for name in self.names]

    def distances(self, values: Configuration) -> NDArray[np.float64]:
        row = np.array(self.row(values))
        is_word = np.array([name in self.words for name in self.names])
        apart = np.abs(self.rows - row)
        apart = np.where(is_word, (apart > 0).astype(float), np.minimum(apart, 1.0))
        lacking = np.isnan(self.rows) != np.isnan(row)
        both = np.isnan(self.rows) & np.isnan(row)
        apart = np.where(lacking, _ABSENT_APART, np.where(both, 0.0, apart))
        total: NDArray[np.float64] = apart.sum(axis=1)
        return total

    def _place(self, name: str, value: Value) -> float:
        if name in self.words:
            known = self.words[name]
            return float(known.index(value)) if value in known else -1.0
        return float(self.scales[name].place(float(value)))


def _curve(line: Mapping[str, Any], *, epochs: int) -> RecordedCurve:
    def whole(values: Sequence[float]) -> tuple[float, ...]:
        return (*values, *[values[-1]] * (epochs - len(values)))

    return RecordedCurve(
        seconds=whole(line["seconds"]), val_loss=whole(line["val_loss"]), test_error=float(line["test_error"])
    )


def _ranges(configurations: Sequence[Configuration]) -> Ranges:
    taken: dict[str, dict[tuple[type, Value], Value]] = {}
    for values in configurations:
        for name, value in values.items():
            taken.setdefault(name, {})[type(value), value] = value
    return {
        name: Choices(values=tuple(sorted(found.values())), is_ordered=True)
        if all(is_number(value) for value in found.values())
        else Choices(values=tuple(found.values()))
        for name, found in taken.items()
    }
