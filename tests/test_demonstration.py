"""The demonstration of export/rings/README.md, from `model.export`'s broken file to the name of the wrong layer."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from readme_files import ROOT, blocks

STEPS = [block for block in blocks("export/rings/README.md") if block.section == "A demonstration"]
PROGRAMS = [block.text for block in STEPS if block.language == "python"]
COMMANDS = [shlex.split(block.text, comments=True) for block in STEPS if block.language == "bash"]
OPEN = "import onnxruntime; onnxruntime.InferenceSession('gelu.onnx')"


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.slow
def test_its_demonstration_happens_as_it_says(tmp_path: Path, environment: Any) -> None:
    train, plant = PROGRAMS
    export, verify = ([str(ROOT / command[1]), *command[2:]] for command in COMMANDS)
    environment.install("onnxruntime")

    trained = python(tmp_path, "-c", train)
    opened = python(tmp_path, "-c", OPEN)
    exported = python(tmp_path, *export)
    planted = python(tmp_path, "-c", plant)
    verified = environment.run(*verify, cwd=tmp_path)

    assert "Saved artifact at 'gelu.onnx'." in trained.stdout + trained.stderr
    assert (trained.returncode, opened.returncode) == (0, 1)
    assert "No Op registered for Erfc" in opened.stderr
    assert exported.returncode == 0, exported.stderr
    assert planted.returncode == 0, planted.stderr
    assert verified.returncode == 1
    assert "gelu_artifacts/model.onnx was changed since it was published" in verified.stdout
    assert "355 of 355 labels are equal; a probability differs by " in verified.stdout
    assert "the layer second (before gelu) is the first to differ: " in verified.stdout
