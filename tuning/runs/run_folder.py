"""The layout of `runs/<name>/`, its lock, and atomic writes."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tuning.errors import InputError
from tuning.files.atomic import RESTORE, write_json
from tuning.files.bounded_files import LARGEST_JSON, read_bounded
from tuning.files.file_lock import lock_file
from tuning.files.recorded import read_record
from tuning.runs.run_record import RunRecord, RunStatus

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """Where everything about one run lies."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def run_json(self) -> Path:
        return self.path / "run.json"

    @property
    def journal(self) -> Path:
        return self.path / "trials.jsonl"

    @property
    def trials_csv(self) -> Path:
        return self.path / "trials.csv"

    @property
    def model(self) -> Path:
        return self.path / "model.keras"

    @property
    def model_weights(self) -> Path:
        """In the place of `model` where that can't be written: the weights, for the model that the code builds."""
        return self.path / "model.weights.h5"

    @property
    def written_model(self) -> Path:
        """Whichever of the two there is."""
        return self.model if self.model.exists() or not self.model_weights.exists() else self.model_weights

    @property
    def training(self) -> Path:
        return self.path / "training.json"

    @property
    def evaluation(self) -> Path:
        return self.path / "evaluation.json"

    @property
    def curves(self) -> Path:
        return self.path / "curves.png"

    @property
    def artifacts(self) -> Path:
        return self.path / "artifacts"

    def trial(self, trial_id: str) -> Path:
        """What belongs to a trial alone: files of its callbacks, its traceback, its exported model.

        Raises InputError for what is no trial's name, such as a path that leads elsewhere.
        """
        if not NAME.fullmatch(trial_id):
            raise InputError(f"{trial_id!r} in {self.journal} is no name of a trial: {RESTORE}")
        return self.path / "trials" / trial_id

    def forget_empty(self, trial_id: str) -> None:
        """Remove the folder of a trial that nothing was written to."""
        for folder in (self.trial(trial_id), self.trial(trial_id).parent):
            # Only what is empty goes.
            with contextlib.suppress(OSError):
                folder.rmdir()

    @property
    def weights(self) -> Path:
        """The states of trials that are under way or may be promoted, a folder each."""
        return self.path / "weights"

    @property
    def work(self) -> Path:
        """What the workers of a search share; gone once it ended."""
        return self.path / ".work"

    @property
    def workers_log(self) -> Path:
        """What the workers of a search wrote to their terminals."""
        return self.path / "workers.log"

    @property
    def checkpoint(self) -> Path:
        """The state of a retraining under way; gone once it ended."""
        return self.path / "checkpoint"

    @property
    def exists(self) -> bool:
        """Whether a run was started here."""
        return self.run_json.exists()

    def read(self) -> RunRecord:
        """What `run.json` holds. Raises InputError where it is missing, not JSON or no record."""
        if not self.exists:
            raise InputError(f"there is no run {self.path}: runs lie in the folder given by `runs`")
        return read_record(self.run_json, RunRecord, fault="is not the record of a run")

    def write(self, record: RunRecord) -> None:
        """Replace `run.json`, all at once."""
        write_json(self.run_json, record.as_json())

    def state(self) -> bytes | None:
        """What `run.json` holds, to be compared later; None where there is none."""
        return read_bounded(self.run_json, limit=LARGEST_JSON, give=RESTORE) if self.exists else None

    @contextlib.contextmanager
    def lock(self, *, state: bytes | None) -> Iterator[None]:
        """Keep every other process from writing this run, whose folder must exist.

        `state`: what `state()` gave when the caller decided what to do. Raises InputError if another process holds
        the lock, or held it since then.
        """
        busy = f"{self.path} is being written by another process: wait for it or stop it"
        with lock_file(self.path / ".lock", busy=busy):
            if self.state() != state:
                raise InputError(f"{self.path} was written by another process meanwhile: run the command again")
            yield


def run_of(folder: RunFolder) -> RunFolder | None:
    """The run whose model lies in this folder: its own, or the one of whose trials it is; None if it is no run's."""
    if folder.exists:
        return folder
    run = RunFolder(path=folder.path.parent.parent)
    return run if run.exists and folder.path == run.path / "trials" / folder.name else None


def open_run(runs: Path, name: str) -> RunFolder:
    """The folder of the run called `name`, which need not exist. Raises InputError for an impossible name."""
    if not NAME.fullmatch(name):
        raise InputError(
            f"the run name {name!r} must be a letter or digit, then letters, digits, '.', '_' or '-', 200 in "
            "all at most: it is one folder's name, not a path"
        )
    return RunFolder(path=runs / name)


def fresh_name(runs: Path, stem: str) -> str:
    """`stem` with the first number that no run of this folder has."""
    number = 1
    while (runs / f"{stem}-{number}").exists():
        number += 1
    return f"{stem}-{number}"


def make_fresh(runs: Path, stem: str) -> RunFolder:
    """A new folder that no other process was given, called as `fresh_name` says. Raises OSError."""
    while True:
        folder = RunFolder(path=runs / fresh_name(runs, stem))
        with contextlib.suppress(FileExistsError):
            folder.path.mkdir(parents=True)
            return folder


def newest_finished(runs: Path, *, published: bool = False) -> RunFolder:
    """The run that finished last, by what the run records say; with `published`, of those that were exported.

    Raises InputError if there is none.
    """
    finished = []
    for path in sorted(runs.glob("*/run.json")):
        folder = RunFolder(path=path.parent)
        record = folder.read()
        if record.status is RunStatus.FINISHED and (folder.artifacts.is_dir() or not published):
            finished.append((record.finished_at or "", folder.name, folder))
    if not finished:
        remedy = "export one with `export.py`" if published else "start one with `tune.py`"
        kind = "exported" if published else "finished"
        raise InputError(f"there is no {kind} run in {runs}: {remedy}, or give the folder of your runs with `runs`")
    return max(finished)[2]


def now() -> str:
    """The current time, UTC, as ISO 8601 text that sorts by time."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
