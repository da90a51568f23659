"""Right things that attacks begin with: a finished run, its published files, a data set, made once by real commands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent.parent
TUNE = ["tune.py", "--run", "first", "--dataset", "digits", "--max-trials", "1", "--epochs", "1", "--budget", "1s"]
TUNE += ["--workers", "0", "--repeats", "0"]


@dataclass(frozen=True)
class Goods:
    """`folder` holds `runs/first`, a run on the embedded digits that is exported in every format as float32."""

    folder: Path

    def artifacts(self, place: Path, name: str = "artifacts") -> Path:
        """A copy of the published files, in a folder of that name."""
        return Path(shutil.copytree(self.folder / "runs" / "first" / "artifacts", place / name))

    def runs(self, place: Path) -> Path:
        """A copy of the runs, with the run `first`."""
        return Path(shutil.copytree(self.folder / "runs", place / "runs"))

    def model(self, place: Path, name: str = "model.keras") -> Path:
        """A copy of the run's Keras model."""
        return Path(shutil.copyfile(self.folder / "runs" / "first" / "model.keras", place / name))


def make_goods(folder: Path) -> Goods:
    """Train, export and return them; what is there already is used again."""
    if not (folder / "runs" / "first" / "artifacts" / "manifest.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for words in (TUNE, ["export.py", "--run", "first"]):
            subprocess.run(
                [sys.executable, str(SCRIPTS / words[0]), *words[1:]],
                cwd=folder,
                env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
                check=True,
                capture_output=True,
            )
    return Goods(folder)
