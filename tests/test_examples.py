"""The notebook runs from top to bottom, and the callback factory tracks every training of a run."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from export.formats.targets import choose_targets

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "scripts" / "examples"

Script = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.exhaustive
def test_the_notebook_runs_from_top_to_bottom(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    notebook: Any = nbformat.read(EXAMPLES / "search_and_export.ipynb", as_version=4)

    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()

    shown = [
        output["data"]["text/plain"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "data" in output
    ]
    exported = [target.file for target in choose_targets([], [])]
    assert [word.strip("[',]") for word in shown[-1].split()] == sorted(
        ["manifest.json", "parity.json", "reference.npz", *exported]
    )


@pytest.mark.exhaustive
def test_a_tracker_s_callback_follows_every_trial_in_its_process_and_the_retraining(
    script: Script, tmp_path: Path
) -> None:
    model, tracker = EXAMPLES / "guides.py", EXAMPLES / "trackers.py"
    options = ["--dataset", "digits", "--max-trials", 2, "--epochs", 1, "--repeats", 1, "--pixel-scale", "unit"]

    done = script(
        "tune.py",
        *options,
        "--model",
        f"{model}:TunedFit",
        "--callback",
        f"{tracker}:tracked",
        "--run",
        "tracked",
        "--json",
    )

    assert done.returncode == 0, done.stderr
    runs = tmp_path / "runs" / "tracked" / "mlruns"
    names = sorted(path.read_text() for path in runs.glob("*/*/tags/mlflow.runName"))
    assert names == ["0000", "0000.1", "0001", "0001.1", "retrain"]
    assert len(list(runs.glob("*/*/params/units"))) == 5
    assert len(list(runs.glob("*/*/metrics/val_accuracy"))) == 5
    assert json.loads(done.stdout)["trials"] == 2
