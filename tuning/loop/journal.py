"""The append-only record of a search: one JSON object a line, on disk before anything depends on it."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tuning.errors import InputError
from tuning.files.atomic import RESTORE
from tuning.files.bounded_files import parse_json, read_bounded
from tuning.files.json_record import EMPTY_IS_NONE, Codec, JsonRecord, read_number
from tuning.records import Epoch, TrialRecord
from tuning.settings import Configuration
from tuning.space.points import Point
from tuning.space.ranges import Range, Ranges, ranges_as_json, ranges_from_json

LARGEST_JOURNAL = 1 << 30
"""Bytes; a thousand trials of a hundred epochs take a thirtieth of it."""


@dataclass(frozen=True, kw_only=True)
class SearchBegan(JsonRecord):
    """The first event: everything that the sequence of trials depends on, by name, as JSON has it."""

    facts: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Suggestion(JsonRecord):
    """A configuration to be trained up to `epochs` epochs in all.

    `oracle_id` is the oracle's own name for it, None for one that no oracle knows of. `ranges`: those that the values
    were drawn from. A trial that is suggested again resumes where it paused. `repeat_of`: the trial that this one
    trains again with another seed, if any.
    """

    trial_id: str
    oracle_id: Annotated[str | None, EMPTY_IS_NONE]
    hyperparameters: Configuration
    ranges: Annotated[Ranges, Codec(ranges_as_json, ranges_from_json)]
    epochs: int
    repeat_of: Annotated[str | None, EMPTY_IS_NONE] = None

    @property
    def point(self) -> Point:
        """The configuration with its ranges."""
        return Point(values=self.hyperparameters, ranges=self.ranges)


def steady_ranges(suggestions: Iterable[Suggestion]) -> Ranges:
    """Name → range, of the hyperparameters that have the same one in all suggestions."""
    found: dict[str, set[Range]] = {}
    for suggestion in suggestions:
        for name, domain in suggestion.ranges.items():
            found.setdefault(name, set()).add(domain)
    return {name: next(iter(ranges)) for name, ranges in found.items() if len(ranges) == 1}


@dataclass(frozen=True, kw_only=True)
class Repetition(JsonRecord):
    """A caller's own oracle asked for the configuration of a trial again: it gets that trial's result.

    `oracle_id`: the oracle's name for what it asked for. `trial_id`: the trial that there is.
    """

    oracle_id: str
    trial_id: str


@dataclass(frozen=True, kw_only=True)
class EpochReported(JsonRecord):
    """A trial that is under way finished an epoch, its `number`-th from 1 on."""

    trial_id: str
    number: int
    epoch: Epoch


@dataclass(frozen=True, kw_only=True)
class AttemptLost(JsonRecord):
    """A worker did not survive an attempt at a trial, which took `seconds`."""

    trial_id: str
    reason: str
    seconds: float


Event = SearchBegan | Suggestion | Repetition | EpochReported | AttemptLost | TrialRecord
"""What a journal holds. A `TrialRecord` ends the suggestion of its trial."""

_KINDS: dict[str, type[Any]] = {
    "search": SearchBegan,
    "suggested": Suggestion,
    "repeated": Repetition,
    "epoch": EpochReported,
    "lost": AttemptLost,
    "finished": TrialRecord,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


class Journal:
    """Writes events, one fsynced line each. Neither a crash nor a write that fails leaves half a line before the next.

    An epoch's line gets to the disk with the next other event's: without it, the epoch is trained again and no more.
    One process appends at a time; others may read meanwhile. `elapsed`: seconds that the search had taken, over all
    commands, when the last event was written that this object wrote or read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._end: int | None = None
        self.elapsed = 0.0

    def append(self, event: Event, *, elapsed: float | None = None) -> None:
        """Record the event, in place of a last line that a crash tore. `elapsed`: None leaves it what it was.

        Raises OSError if it can't be written; then the journal holds the same events as before.
        """
        self.elapsed = self.elapsed if elapsed is None else elapsed
        fields = {"event": _NAMES[type(event)], "elapsed": round(self.elapsed, 3), **event.as_json()}
        line = (json.dumps(fields, allow_nan=False) + "\n").encode()
        if self._end is None:
            self._end = len(self._whole_lines())
        # Unbuffered: a buffer would write its rest when the file is closed, behind the cut.
        with self._path.open("ab", buffering=0) as file:
            file.truncate(self._end)
            try:
                if file.write(line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
                if not isinstance(event, EpochReported):
                    os.fsync(file.fileno())
            except OSError:
                os.truncate(self._path, self._end)
                raise
        self._end += len(line)

    def read(self) -> list[Event]:
        """All events in order, but for a last line torn by a crash or still being written.

        Raises InputError, naming the line, if any other line is not an event.
        """
        return [self._event(number, line) for number, line in enumerate(self._whole_lines().splitlines(), start=1)]

    def trials(self) -> tuple[TrialRecord, ...]:
        """How the trials of the search ended, each as it ended last, in that order; without those trained again.

        Raises InputError as `read` does.
        """
        return tuple(record for record in self._records() if not record.repeat_of)

    def repeats(self) -> tuple[TrialRecord, ...]:
        """How the trainings of the best trials with other seeds ended. Raises InputError as `read` does."""
        return tuple(record for record in self._records() if record.repeat_of)

    def ranges(self) -> Ranges:
        """Those of the hyperparameters that had the same one in every trial. Raises InputError as `read` does."""
        return steady_ranges(event for event in self.read() if isinstance(event, Suggestion))

    def _records(self) -> list[TrialRecord]:
        ended: dict[str, TrialRecord] = {}
        for event in self.read():
            if isinstance(event, TrialRecord):
                ended.pop(event.trial_id, None)
                ended[event.trial_id] = event
        return list(ended.values())

    def _whole_lines(self) -> bytes:
        if not self._path.exists():
            return b""
        content = read_bounded(self._path, limit=LARGEST_JOURNAL, give=RESTORE)
        return content[: content.rfind(b"\n") + 1]

    def _event(self, number: int, line: bytes) -> Event:
        try:
            data = parse_json(line)
            if not isinstance(data, dict) or data.get("event") not in _NAMES.values():
                raise ValueError(f"event must be one of {', '.join(_KINDS)}")
            kind = data.pop("event")
            elapsed = read_number("elapsed", data.pop("elapsed", 0.0))
            event: Event = _KINDS[kind].from_json(data)
            self.elapsed = elapsed
        except ValueError as error:
            raise InputError(
                f"{self._path} line {number} is not an event of a search ({error}): restore the file or start a new run"
            ) from error
        return event
