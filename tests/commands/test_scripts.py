"""What all scripts share: help without a framework, the hand-over, the next command, and internal errors."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from refused import assert_refused

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON_SCRIPTS = ("tune.py", "train.py", "export.py", "verify.py", "benchmark.py", "predict.py")
FRAMEWORKS = ("numpy", "tensorflow", "keras", "keras_tuner", "onnxruntime", "rich")
SLOW_TO_IMPORT = {"tensorflow", "keras", "keras_tuner", "sklearn", "onnxruntime", "matplotlib"}
Script = Callable[..., subprocess.CompletedProcess[str]]
DIGITS = ("--dataset", "digits")
SIMPLE = ("--baseline", "simple-32", *DIGITS)
TUNE = (
    (("--no-such-option",), "--help"),
    (("--objective", "val_mine"), "whether more of val_mine is better has to be given"),
    (("--space", "none.toml"), "there is no file none.toml"),
    (("--model", "none.py:build"), "there is no file"),
    (("--data", "missing.npz"), "there is no file missing.npz"),
    (("--data", "wrong.npz"), "lacks y_test"),
    (("--data", "damaged.npz"), "damaged.npz can't be read as npz"),
    (("--run", "none", "--resume"), "there is no run runs/none"),
)
TRAIN = (
    (("--no-such-option",), "--help"),
    (("--baseline", "best", *DIGITS), "unknown baseline best: choose one of simple-32"),
    (("--set", "learning_rate", *DIGITS), "--set needs NAME=VALUE"),
    ((*SIMPLE, "--epochs", "0"), "--epochs must be 1 or more, got 0"),
    ((*SIMPLE, "--seed", "-3"), "--seed must be 0 or more, got -3"),
    ((*SIMPLE, "--minimum-accuracy", "2"), "--minimum-accuracy must be 0 to 1, got 2.0"),
    (DIGITS, "one of the arguments --baseline --trial --set --resume is required"),
    (("--set", "units=4", "--model", "none.py:build"), "there is no file"),
    (("--baseline", "simple-32", "--data", "missing.npz"), "there is no file missing.npz"),
    (("--baseline", "simple-32", "--data", "wrong.npz"), "lacks y_test"),
    (("--trial", "none:0000", *DIGITS), "there is no run"),
    (("--resume", "--run", "none"), "there is no run runs/none"),
)
EXPORT = (
    (("--no-such-option",), "--help"),
    (("--variant", "int3"), "unknown variant int3"),
    (("--run", "none"), "there is no run runs/none"),
    (("--model", "none.keras", *DIGITS), "there is no file none.keras"),
    (("--model", "damaged.npz", *DIGITS), "damaged.npz is not a Keras file"),
)
VERIFY = (
    (("--no-such-option",), "--help"),
    (("--run", "none"), "there is no run runs/none"),
    (("none",), "there is no none/manifest.json"),
)
PREDICT = (
    (("--no-such-option",), "--help"),
    (("--run", "none", "x.png"), "there is no run runs/none"),
    (("--artifacts", "none", "x.png"), "there is no none/manifest.json"),
)
BENCHMARK = (
    (("--no-such-option",), "--help"),
    (("--run", "none"), "there is no run runs/none"),
    (("none",), "there is no none/manifest.json"),
)
REFUSED = {
    "tune.py": TUNE,
    "train.py": TRAIN,
    "export.py": EXPORT,
    "verify.py": VERIFY,
    "predict.py": PREDICT,
    "benchmark.py": BENCHMARK,
}
"""What each script refuses without TensorFlow, in a second instead of six: its words, and a part of the sentence."""


@pytest.mark.parametrize("name", PYTHON_SCRIPTS)
def test_help_loads_no_framework(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", str(ROOT / "scripts" / name), "--help"]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)

    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert loaded & set(FRAMEWORKS) == set()
    assert "usage:" in done.stdout


@pytest.mark.exhaustive
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


def test_handing_over_in_the_middle_leaves_no_temporary_folder(tmp_path: Path) -> None:
    fake = tmp_path / "checkout" / ".venv" / "bin" / "python"
    fake.parent.mkdir(parents=True)
    fake.write_text('#!/bin/sh\necho "in $TMPDIR: $(ls "$TMPDIR")"\n')
    fake.chmod(0o755)
    (tmp_path / "temporary").mkdir()
    program = f"""
import pathlib, sys; sys.path.insert(0, {str(ROOT / "scripts")!r}); sys.argv = ["busy.py", "--json"]
import _entry
_entry.ROOT = pathlib.Path({str(tmp_path / "checkout")!r})
_entry.main(_entry.parser("test"), lambda arguments: _entry.hand_over(["no_such_package"]), requires=[])
"""

    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.returncode) == (f"in {tmp_path / 'temporary'}: \n", 0), done.stderr


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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "words", "part"), [(name, words, part) for name, cases in REFUSED.items() for words, part in cases]
)
def test_it_is_refused_before_a_framework_is_imported(
    name: str, words: Sequence[str], part: str, arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    np.savez(tmp_path / "wrong.npz", **{key: array for key, array in arrays.items() if key != "y_test"})
    (tmp_path / "damaged.npz").write_bytes((tmp_path / "wrong.npz").read_bytes()[:500])
    command = [sys.executable, "-X", "importtime", str(ROOT / "scripts" / name), *words]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    lines = done.stderr.splitlines()
    imports = [line for line in lines if line.startswith("import time:")]
    done.stderr = "".join(f"{line}\n" for line in lines if line not in imports)
    assert_refused(done, part)
    assert not (tmp_path / "runs").exists()
    assert {line.rpartition("|")[2].strip().partition(".")[0] for line in imports} & SLOW_TO_IMPORT == set()
