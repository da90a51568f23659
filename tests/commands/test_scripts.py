"""What all scripts share: help without a framework, the hand-over, the next command, and errors of our own."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON_SCRIPTS = ("tune.py", "train.py", "export.py", "verify.py", "benchmark.py", "predict.py")
FRAMEWORKS = ("numpy", "tensorflow", "keras", "keras_tuner", "onnxruntime", "rich")
Script = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize("name", PYTHON_SCRIPTS)
def test_help_loads_no_framework(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", str(ROOT / "scripts" / name), "--help"]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)

    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert loaded & set(FRAMEWORKS) == set()
    assert "usage:" in done.stdout


@pytest.mark.slow
def test_each_command_that_is_said_to_come_next_works(script: Script, tmp_path: Path) -> None:
    Image.fromarray(np.pad(np.full((20, 4), 255, np.uint8), ((4, 4), (12, 12)))).save(tmp_path / "PICTURE.png")
    done = script(
        "train.py", "--dataset", "digits", "--baseline", "simple-28", "--epochs", 1, "--runs", "my [old] runs"
    )
    called = []

    for _ in range(4):
        assert done.returncode == 0, done.stderr
        *_, last = done.stdout.splitlines()
        words = shlex.split(last.removeprefix("next: "))
        called.append(Path(words[1]).name)
        done = subprocess.run([sys.executable, *words[1:]], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert called == ["export.py", "verify.py", "predict.py", "verify.py"]


def test_a_python_without_the_packages_hands_over_or_says_what_to_run(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    for room in ("scripts", "tuning", "export"):
        shutil.copytree(ROOT / room, checkout / room)
    bare = [sys.executable, "-E", "-S", str(checkout / "scripts" / "tune.py"), "--dataset", "digits"]

    alone = subprocess.run(bare, cwd=tmp_path, capture_output=True, text=True, check=False)
    fake = checkout / ".venv" / "bin" / "python"
    fake.parent.mkdir(parents=True)
    fake.write_text('#!/bin/sh\necho "handed over: $@"\n')
    fake.chmod(0o755)
    handed = subprocess.run(bare, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert alone.returncode == 2
    assert len(alone.stderr.strip().splitlines()) == 1
    assert alone.stderr.strip().endswith(f"run {checkout}/scripts/setup")
    assert handed.stdout == f"handed over: {checkout}/scripts/tune.py --dataset digits\n"


def test_ctrl_c_inside_a_finalizer_is_not_lost(tmp_path: Path) -> None:
    program = f"""
import signal, sys, time; sys.path.insert(0, {str(ROOT / "scripts")!r}); sys.argv = ["busy.py"]
import _entry
class Finalized:
    def __del__(self): signal.raise_signal(signal.SIGINT)
def run(arguments):
    Finalized()
    time.sleep(60)
_entry.main(_entry.parser("test"), run, requires=[])
"""

    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 130
    assert done.stderr == "\ninterrupted: nothing was changed\n"


def test_an_error_of_our_own_keeps_its_traceback_in_a_file(tmp_path: Path) -> None:
    program = f"""
import sys; sys.path.insert(0, {str(ROOT / "scripts")!r}); sys.argv = ["broken.py"]
import _entry
def run(arguments): raise RuntimeError("unforeseen")
_entry.main(_entry.parser("test"), run, requires=[])
"""

    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 70
    named = Path(done.stderr.strip().rpartition(" ")[2])
    assert "RuntimeError: unforeseen" in named.read_text()
    named.unlink()
    assert "Traceback" not in done.stderr
