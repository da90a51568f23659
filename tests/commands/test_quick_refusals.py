"""What needs no TensorFlow to be refused is refused before it is imported: a second instead of six."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from refused import assert_refused

ROOT = Path(__file__).resolve().parent.parent.parent
SLOW_TO_IMPORT = {"tensorflow", "keras", "keras_tuner", "sklearn", "onnxruntime", "matplotlib"}

pytestmark = pytest.mark.slow

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
SCRIPTS = {
    "tune.py": TUNE,
    "train.py": TRAIN,
    "export.py": EXPORT,
    "verify.py": VERIFY,
    "predict.py": PREDICT,
    "benchmark.py": BENCHMARK,
}


@pytest.mark.parametrize(
    ("name", "words", "part"), [(name, words, part) for name, cases in SCRIPTS.items() for words, part in cases]
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
