"""`trials.csv`: the trials of a search as a table for people and spreadsheets."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from tuning.files.atomic import write_bytes
from tuning.records import TrialRecord

COLUMNS = ("trial", "status", "val_loss", "val_accuracy", "epochs", "parameters", "seconds", "reason")
"""Those that every search has, behind the first two another objective that it was ranked by."""
EXPECTED = "expected"
"""The column of what is expected after a whole training, where the search says so: trials are ranked by it."""


def write_trials_csv(path: Path, trials: Sequence[TrialRecord]) -> None:
    """One row a trial, best first by the objective: what it was, how it ended, and its hyperparameters.

    What is not known is blank. Columns have names of their own: a hyperparameter that is called like another column
    has `hp_` before its name.
    """
    # Trials without a result stay in the order in which they ended.
    ranked = sorted(trials, key=lambda trial: trial.rank if trial.has_result else math.inf)
    facts = [_facts(trial) for trial in ranked]
    columns = list(dict.fromkeys(name for row in facts for name in row)) if facts else list(COLUMNS)
    if all(trial.expected is None for trial in ranked):
        columns = [name for name in columns if name != EXPECTED]
    names = list(dict.fromkeys(name for trial in ranked for name in trial.hyperparameters))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*columns, *_headings(names, columns)])
    for row, trial in zip(facts, ranked, strict=True):
        writer.writerow(
            [*(row.get(column, "") for column in columns), *(trial.hyperparameters.get(name, "") for name in names)]
        )
    write_bytes(path, text.getvalue().encode("utf-8", "backslashreplace"))


def _facts(trial: TrialRecord) -> dict[str, Any]:
    """Column → value, in order; empty where there is none."""
    measured = dict.fromkeys([trial.settings.objective.name, "val_loss", "val_accuracy"])
    return {
        "trial": trial.trial_id,
        "status": trial.status.value,
        **{name: _result(trial, name) for name in measured},
        EXPECTED: "" if trial.expected is None else trial.expected,
        "epochs": round(trial.passes, 2) if trial.settings.parts > 1 else len(trial.epochs),
        "parameters": trial.parameters or "",
        "seconds": round(trial.seconds, 2),
        "reason": "; ".join(filter(None, [trial.reason, trial.note])),
    }


def _result(trial: TrialRecord, name: str) -> float | str:
    value = trial.epochs[trial.result_epoch].value(name) if trial.epochs else None
    return value if value is not None and math.isfinite(value) else ""


def _headings(names: Sequence[str], taken: Collection[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        heading = name
        while heading in taken or heading in found or (heading != name and heading in names):
            heading = f"hp_{heading}"
        found.append(heading)
    return found
