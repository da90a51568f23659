"""What a user set for other Keras programs: it reaches neither our processes nor their workers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
from refused import assert_refused

from tuning.environment.keras_settings import require_tensorflow, settings, shield, take_defaults, take_over
from tuning.errors import InputError
from tuning.plugins.user_code import load_object

ROOT = Path(__file__).resolve().parents[3]
OTHER = {"floatx": "float16", "epsilon": 1e-2, "backend": "jax", "image_data_format": "channels_first"}
MODEL = """
import os

os.environ["KERAS_BACKEND"] = "jax"
import keras


def build(hp):
    assert (keras.config.backend(), keras.config.floatx()) == ("tensorflow", "float32")
    assert keras.config.image_data_format() == "channels_last"
    stack = [keras.Input((28, 28, 1)), keras.layers.Conv2D(hp.Int("filters", 2, 3), 9, strides=5)]
    model = keras.Sequential([*stack, keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
"""


@pytest.fixture
def elsewhere(tmp_path: Path) -> dict[str, str]:
    """The environment of a user who works with JAX, channels first, and tries things out with short trainings."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "keras.json").write_text(json.dumps(OTHER))
    limits = {"KERAS_MAX_EPOCHS": "1", "KERAS_MAX_STEPS_PER_EPOCH": "1"}
    return {**os.environ, "KERAS_HOME": str(tmp_path / "home"), "KERAS_BACKEND": "jax", **limits}


def tune(folder: Path, environment: dict[str, str], *options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "tune.py"), "--dataset", "digits", "--json", *map(str, options)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.exhaustive
@pytest.mark.parametrize("workers", [0, 1])
def test_a_search_is_the_same_whatever_is_set_elsewhere(
    workers: int, elsewhere: dict[str, str], script: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "my.py").write_text(MODEL)
    asked = ["--model", "my.py:build", "--pixel-scale", "unit", "--max-trials", 2, "--epochs", 2, "--repeats", 0]
    asked += ["--workers", workers, "--budget", "none", "--run"]

    here = script("tune.py", "--dataset", "digits", "--json", *asked, "here")
    there = tune(tmp_path, elsewhere, *asked, "there")

    assert (here.returncode, there.returncode) == (0, 0), here.stderr + there.stderr
    assert json.loads(here.stdout)["winner"] == json.loads(there.stdout)["winner"]


@pytest.mark.slow
def test_a_keras_json_that_keras_refuses_is_named(elsewhere: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "home" / "keras.json").write_text(json.dumps({**OTHER, "floatx": "float8"}))

    done = tune(tmp_path, elsewhere)

    assert_refused(done, "float8", "fix or remove that file")
    assert done.stdout == ""
    assert done.stderr.startswith("keras.json can't be read (Invalid `floatx` configuration.")
    assert not (tmp_path / "runs").exists()


def test_the_environment_chooses_nothing() -> None:
    environment = {"KERAS_BACKEND": "torch", "KERAS_MAX_EPOCHS": "1", "HOME": "/home/me"}

    shield(environment)

    assert environment == {"KERAS_BACKEND": "tensorflow", "HOME": "/home/me"}


def test_a_user_s_file_does_not_choose_for_the_processes_that_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    (tmp_path / "of_jax.py").write_text("import os\nos.environ['KERAS_BACKEND'] = 'jax'\nX = 1")

    load_object(f"{tmp_path}/of_jax.py:X")

    assert os.environ["KERAS_BACKEND"] == "tensorflow"


def test_a_backend_that_was_not_chosen_stays_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    (tmp_path / "of_torch.py").write_text("import os\nos.environ['KERAS_BACKEND'] = 'torch'\nX = 1")

    load_object(f"{tmp_path}/of_torch.py:X")

    assert "KERAS_BACKEND" not in os.environ


def test_another_process_takes_over_what_is_set_here() -> None:
    before = settings()
    try:
        keras.config.set_image_data_format("channels_first")
        keras.config.set_dtype_policy("mixed_bfloat16")
        given = settings()
        take_defaults()
        keras.config.set_dtype_policy("float32")
        take_over(given)
        taken = settings()
    finally:
        take_over(before)

    assert (taken["image_data_format"], taken["dtype_policy"]) == ("channels_first", "mixed_bfloat16")
    assert settings() == before


def test_keras_on_another_backend_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    require_tensorflow()
    monkeypatch.setattr("keras.config.backend", lambda: "jax")

    with pytest.raises(InputError, match=r"Keras was imported with the backend jax, .*: set KERAS_BACKEND=tensorflow"):
        require_tensorflow()
