"""The append-only record of a search: one JSON object a line, on disk before anything depends on it."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuning.errors import InputError
from tuning.records import TrialRecord
from tuning.settings import Configuration

SUGGESTED = "suggested"
FINISHED = "finished"


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A configuration to be tried. `oracle_id` is the oracle's own name for it, empty for an enqueued one.

    `epochs` is the epoch to train up to; `parent`, if not empty, is the trial whose weights it starts from, trained
    for `initial_epoch` epochs.
    """

    trial_id: str
    oracle_id: str
    hyperparameters: Configuration
    epochs: int
    initial_epoch: int = 0
    parent: str = ""

    def as_json(self) -> dict[str, Any]:
        return {**self.__dict__, "hyperparameters": dict(self.hyperparameters)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Suggestion:
        return cls(**data)


Event = Suggestion | TrialRecord
"""What a journal holds: what was suggested, and how each suggestion ended."""


class Journal:
    """Writes events, one fsynced line each. Neither a crash nor a write that fails leaves half a line before the next.

    One process appends at a time; others may read meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, event: Event) -> None:
        """Record the event, in place of a last line that a crash tore.

        Raises OSError if it can't be written; then the journal holds the same events as before.
        """
        kind = SUGGESTED if isinstance(event, Suggestion) else FINISHED
        line = (json.dumps({"event": kind, **event.as_json()}, allow_nan=False) + "\n").encode()
        # Unbuffered: a buffer would write its rest when the file is closed, behind the cut.
        with self._path.open("ab", buffering=0) as file:
            end = len(self._whole_lines())
            file.truncate(end)
            try:
                if file.write(line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
                os.fsync(file.fileno())
            except OSError:
                os.truncate(self._path, end)
                raise

    def read(self) -> list[Event]:
        """All events in order, but for a last line torn by a crash or still being written.

        Raises InputError, naming the line, if any other line is not an event.
        """
        if not self._path.exists():
            return []
        return [self._event(number, line) for number, line in enumerate(self._whole_lines().splitlines(), start=1)]

    def _whole_lines(self) -> bytes:
        content = self._path.read_bytes()
        return content[: content.rfind(b"\n") + 1]

    def _event(self, number: int, line: bytes) -> Event:
        try:
            data = json.loads(line)
            kind = data.pop("event")
            if kind == SUGGESTED:
                return Suggestion.from_json(data)
            if kind == FINISHED:
                return TrialRecord.from_json(data)
            raise ValueError(f"unknown event {kind}")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{self._path} line {number} is not an event of a search ({error!r}): restore the file or start "
                "a new run"
            ) from error
