"""The rivals' packages in a folder of their own, beside what this project has installed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.pin import versions

SCRIPTS = Path(__file__).resolve().parents[2]


def provide(requirements: Sequence[str], folder: Path) -> None:
    """Install into `folder` what this environment lacks of the requirements and of what they need.

    Nothing that is already installed is replaced, so every contestant runs the same TensorFlow. Safe to repeat. Raises
    CalledProcessError if pip fails.
    """
    stamp = folder / ".installed"
    wanted = "\n".join(requirements)
    if not requirements or (stamp.exists() and stamp.read_text(encoding="utf-8") == wanted):
        return
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    folder.mkdir(parents=True, exist_ok=True)
    pins = folder / "pins.txt"
    pins.write_text(versions(SCRIPTS / "requirements.txt", SCRIPTS / "requirements-test.txt"), encoding="utf-8")
    planned = [*pip, "--dry-run", "--report", "-", "--constraint", str(pins), *requirements]
    report = json.loads(subprocess.run(planned, check=True, stdout=subprocess.PIPE).stdout)
    missing = [f"{one['metadata']['name']}=={one['metadata']['version']}" for one in report["install"]]
    if missing:
        print(f"installing into {folder}: {', '.join(missing)}", flush=True)
        subprocess.run([*pip, "--no-deps", "--upgrade", "--target", str(folder), *missing], check=True)
    stamp.write_text(wanted, encoding="utf-8")
