"""Records of runs, as small as they can be: of runs that would take minutes."""

from __future__ import annotations

from typing import Any

from tuning.runs.run_record import RunRecord

DATASET = {"name": "digits", "path": None, "digest": "0" * 64, "train": 3, "validation": 2, "test": 1}
MODEL = {"source": None, "digest": None, "pixel_scale": None, "kind": "classifier"}
SEARCH = {"algorithm": "random", "max_trials": 5, "epochs": 2, "budget": "10m", "seed": 0}
WINNER = {"trial_id": "0000", "hyperparameters": {"units": 8}, "val_loss": 0.4, "val_accuracy": 0.9, "parameters": 10}


def run_json(**changes: Any) -> dict[str, Any]:
    """What `run.json` of a search under way holds, with other values at the top."""
    record = {"command": "tune", "dataset": DATASET, "model": MODEL, "config": SEARCH, "seed": 0, "status": "searching"}
    return {**record, **changes}


def run_record(**changes: Any) -> Any:
    """The same as a record."""
    return RunRecord.from_json(run_json(**changes))
