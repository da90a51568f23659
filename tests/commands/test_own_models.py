"""A user's own models through all scripts: search, retraining, every format, verification."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
GUIDES = ROOT / "scripts" / "examples" / "guides.py"
QUICK = ("--max-trials", 2, "--epochs", 1, "--budget", "100s", "--workers", 0, "--repeats", 0)

OWN = '''
import keras

class Ink(keras.layers.Layer):
    """Has no get_config, as it has nothing to configure."""
    def call(self, x):
        return keras.ops.relu(x - 0.1)

class Net(keras.Model):
    def __init__(self, units=8, **options):
        super().__init__(**options)
        self.units = units
        self.scale = keras.layers.Rescaling(1 / 255)
        self.ink = Ink()
        self.flat = keras.layers.Flatten()
        self.hidden = keras.layers.Dense(units, activation="relu")
        self.logits = keras.layers.Dense(3)

    def call(self, x):
        return self.logits(self.hidden(self.flat(self.ink(self.scale(x)))))

    def get_config(self):
        return {**super().get_config(), "units": self.units}

def logits(hp):
    print("building")
    model = Net(hp.Int("units", 4, 8))
    model.compile(
        optimizer="adam",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseTopKCategoricalAccuracy(k=2, name="top2")],
    )
    return model

def regression(hp):
    image = keras.Input((8, 8, 1), dtype="uint8")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    x = keras.layers.Dense(hp.Int("units", 4, 8), activation="relu")(x)
    model = keras.Model(image, keras.layers.Dense(1, name="brightness")(x))
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse", metrics=["mae"])
    return model

def two_inputs(hp):
    left, right = keras.Input((6,), name="left"), keras.Input((4,), name="right")
    x = keras.layers.Concatenate()([left, right])
    x = keras.layers.Dense(hp.Int("units", 4, 8), activation="relu")(x)
    model = keras.Model({"left": left, "right": right}, keras.layers.Dense(2, name="target")(x))
    model.compile(optimizer="adam", loss="mse")
    return model
'''

Script = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A user's file, in the folder that the scripts are called in."""
    (tmp_path / "own.py").write_text(OWN)
    return tmp_path


@pytest.fixture
def walk(script: Script) -> Callable[..., tuple[dict[str, Any], dict[str, Any]]]:
    """`walk(*options, kind=…)`: tune, export, verify; the results of the first and the last."""

    def call(*options: object, kind: str = "all") -> tuple[dict[str, Any], dict[str, Any]]:
        results = []
        exported = ("export.py", "--run", "mine", "--format", kind)
        for command in (("tune.py", *QUICK, *options, "--run", "mine"), exported, ("verify.py",)):
            done = script(*command, "--json")
            assert done.returncode == 0, done.stderr
            results.append(json.loads(done.stdout))
        return results[0], results[-1]

    return call


@pytest.mark.exhaustive
def test_the_getting_started_guide_runs_with_one_command(tmp_path: Path) -> None:
    shutil.copy(GUIDES, tmp_path / "guides.py")
    command = [str(ROOT / "scripts" / "quickstart"), "--dataset", "digits", "--model", "guides.py:build_model"]
    options = ["--pixel-scale", "unit", "--max-trials", "2", "--epochs", "2"]

    done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "all as published" in done.stdout
    (artifacts,) = tmp_path.glob("runs/*/artifacts")
    parity = json.loads((artifacts / "parity.json").read_text())
    assert [(result["format"], result["label_flips"]) for result in parity["results"]] == [
        ("saved_model", 0),
        ("tflite", 0),
        ("onnx", 0),
    ]


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("name", "kind"),
    [("TunedFit", "all"), ("TunedPreprocessing", "onnx")],
)
def test_the_guide_to_tuning_the_training_runs_to_the_end(name: str, kind: str, walk: Any, tmp_path: Path) -> None:
    tuned, verified = walk("--dataset", "digits", "--model", f"{GUIDES}:{name}", "--pixel-scale", "unit", kind=kind)

    record = json.loads((tmp_path / "runs" / "mine" / "run.json").read_text())
    assert tuned["test"]["looks"] == 1
    assert {result["label_flips"] for result in verified["results"]} == {0}
    assert len(verified["results"]) == (3 if kind == "all" else 1)
    assert verified["results"][0]["accuracy"] == tuned["test"]["accuracy"]
    assert record["model"]["pixel_scale"] == [1 / 255, 0.0]


@pytest.mark.slow
def test_a_run_is_repeated_from_its_own_record(script: Script, tmp_path: Path) -> None:
    options = ["--dataset", "digits", "--model", f"{GUIDES}:build_model", "--pixel-scale", "unit", "--seed", 4]
    space = "units = [32, 64]\nlr = {low = 0.001, high = 0.01, log = true}\n"
    (tmp_path / "space.toml").write_text(space)

    first = script("tune.py", *QUICK, *options, "--space", "space.toml", "--run", "first", "--json")
    (tmp_path / "space.toml").unlink()
    again = script("tune.py", "--config", "runs/first/run.json", "--run", "again", "--json")
    trained = script("train.py", "--trial", "again:0001", "--epochs", 1, "--dataset", "digits", "--json")

    assert (first.returncode, again.returncode, trained.returncode) == (0, 0, 0), again.stderr + trained.stderr
    winners = [json.loads(done.stdout)["winner"] for done in (first, again)]
    assert winners[0] == winners[1]
    assert winners[0]["hyperparameters"]["units"] in (32, 64)
    assert set(json.loads(trained.stdout)["winner"]["hyperparameters"]) == {"units", "activation", "dropout", "lr"}


@pytest.mark.exhaustive
def test_a_subclassed_model_of_logits_is_searched_by_its_own_metric(own: Path, walk: Any, arrays: Any) -> None:
    few = {name: array[: len(array) * 3 // 4] for name, array in arrays.items()}
    labels = {name: np.minimum(array, 2) if name.startswith("y") else array for name, array in few.items()}
    np.savez(own / "three.npz", **labels)
    options = ["--class-weight", "balanced", "--batch-size", "8,16", "--objective", "val_top2:max", "--workers", 2]

    tuned, verified = walk("--data", "three.npz", "--model", "own.py:logits", *options, kind="saved_model")

    manifest = json.loads((own / "runs" / "mine" / "artifacts" / "manifest.json").read_text())
    assert set(tuned["winner"]["hyperparameters"]) == {"units", "batch_size"}
    assert manifest["artifacts"][0]["outputs"] == [{"name": "probabilities", "dtype": "float32", "shape": [None, 3]}]
    assert verified["passed"]


@pytest.mark.slow
def test_a_regression_is_verified_by_its_outputs(own: Path, walk: Any) -> None:
    rng = np.random.default_rng(0)
    levels = {f"y_{part}": rng.uniform(0.1, 0.9, size=count) for part, count in (("train", 120), ("test", 20))}
    bright = {key: each[:, None, None] * rng.uniform(200, 255, (len(each), 8, 8)) for key, each in levels.items()}
    images = {f"x{key[1:]}": each.astype(np.uint8) for key, each in bright.items()}
    np.savez(own / "levels.npz", **levels, **images)

    tuned, verified = walk(
        "--data", "levels.npz", "--model", "own.py:regression", "--objective", "val_mae", "--epochs", 30, kind="tflite"
    )

    manifest = json.loads((own / "runs" / "mine" / "artifacts" / "manifest.json").read_text())
    assert tuned["test"]["accuracy"] is None
    assert set(tuned["test"]["metrics"]) == {"loss", "mae"}
    assert [spec["name"] for spec in manifest["artifacts"][0]["outputs"]] == ["brightness"]
    assert manifest["artifacts"][0]["inputs"][0]["dtype"] == "uint8"
    assert verified["passed"]


@pytest.mark.exhaustive
def test_a_model_of_two_inputs_keeps_its_own_contract(own: Path, walk: Any) -> None:
    rng = np.random.default_rng(0)
    sizes = [("train", 60), ("test", 30)]
    widths = [("left", 6), ("right", 4)]
    arrays = {
        f"x_{part}_{name}": rng.normal(size=(count, width)).astype(np.float32)
        for part, count in sizes
        for name, width in widths
    }
    targets = {f"y_{part}": arrays[f"x_{part}_left"][:, :2] for part in ("train", "test")}
    np.savez(own / "pairs.npz", **arrays, **targets)

    tuned, verified = walk("--data", "pairs.npz", "--model", "own.py:two_inputs", kind="onnx")

    manifest = json.loads((own / "runs" / "mine" / "artifacts" / "manifest.json").read_text())
    assert [spec["name"] for spec in manifest["artifacts"][0]["inputs"]] == ["left", "right"]
    assert set(tuned["test"]["metrics"]) == {"loss"}
    assert verified["passed"]


@pytest.mark.slow
def test_a_run_does_not_go_on_with_changed_code(own: Path, script: Script, arrays: Any) -> None:
    np.savez(own / "four.npz", **{**arrays, "y_train": arrays["y_train"] % 3, "y_test": arrays["y_test"] % 3})
    options = ("--data", "four.npz", "--model", "own.py:logits", "--objective", "val_top2:max")
    assert script("tune.py", *QUICK, *options, "--run", "mine").returncode == 0
    (own / "own.py").write_text(OWN.replace('activation="relu"', 'activation="tanh"'))
    before = (own / "runs" / "mine" / "run.json").read_bytes()

    done = script("tune.py", "--run", "mine", "--resume", "--max-trials", 3)

    assert done.returncode == 2
    assert "own.py:logits changed since runs/mine was started: restore it or start a new run" in done.stderr
    assert (own / "runs" / "mine" / "run.json").read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("command", [["tune.py"], ["train.py", "--set", "units=4"]], ids=["tune", "train"])
def test_an_accuracy_is_not_asked_of_data_without_classes(
    command: list[str], own: Path, script: Script, arrays: Any
) -> None:
    levels = {name: arrays[name].astype(np.float32) + 0.5 for name in ("y_train", "y_test")}
    np.savez(own / "levels.npz", **{**arrays, **levels})
    options = ("--data", "levels.npz", "--model", "own.py:regression", "--minimum-accuracy", 0.5)

    done = script(*command, *options)

    assert done.returncode == 2, done.stderr
    assert "levels.npz has no classes to be accurate about: leave out --minimum-accuracy" in done.stderr
    assert not (own / "runs").exists()


@pytest.mark.exhaustive
def test_a_training_is_repeated_from_its_own_record(own: Path, script: Script) -> None:
    options = ("--dataset", "digits", "--model", f"{GUIDES}:build_model", "--pixel-scale", "unit", "--epochs", 1)

    first = script("train.py", *options, "--set", "units=64", "--seed", 2, "--run", "first", "--json")
    again = script("train.py", "--config", "runs/first/run.json", "--run", "again", "--json")
    both = script("train.py", "--baseline", "simple-32", "--model", "own.py:logits", "--dataset", "digits")

    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    results = [json.loads(done.stdout) for done in (first, again)]
    assert results[0]["winner"] == results[1]["winner"]
    assert both.returncode == 2
    assert "--baseline is a configuration of the built-in model: leave it out, or --model" in both.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "own.py:nothing"], "own.py has no nothing"),
        (["--model", "none.py:build"], "there is no file"),
        (["--model", "own.py"], "must be FILE.py:NAME or package.module:NAME"),
        (["--model", "own.py:regression"], "can't take the data, whose examples have shape (28, 28, 1)"),
        (["--model", f"{GUIDES}:build_model"], "so say which pixel values it is made for: --pixel-scale unit"),
        (["--model", f"{GUIDES}:build_model", "--pixel-scale", "half"], "--pixel-scale must be unit, signed, raw or"),
        (
            ["--model", f"{GUIDES}:build_model", "--pixel-scale", "unit", "--baselines"],
            "--baselines are configurations",
        ),
        (["--model", f"{GUIDES}:build_model", "--pixel-scale", "unit", "--objective", "val_auc"], "but not val_auc"),
        (["--pixel-scale", "unit"], "--pixel-scale goes with --model"),
        (["--batch-size", "0"], "--batch-size must be whole numbers from 1, like 64 or 32,64,128, got 0"),
        (["--class-weight", "heavy"], "--class-weight must be balanced, got heavy"),
        (["--objective", "val_mine"], "whether more of val_mine is better has to be given"),
        (
            ["--objective", "val_auc"],
            "the built-in model reports accuracy, loss, val_accuracy, val_loss but not val_auc",
        ),
        (["--callback", "own.py:OWN"], "own.py has no OWN"),
        (["--space", "none.toml"], "there is no file none.toml: give a TOML file"),
        (["--space", "space.toml"], "unknown hyperparameter dropuot: did you mean dropout?"),
        (["--config", "config.toml"], "unknown option in config.toml max-trails: did you mean max-trials?"),
        (["--config", "none.toml"], "there is no file none.toml"),
    ],
)
def test_a_wrong_model_or_option_is_told_in_one_sentence_and_starts_nothing(
    options: list[str], message: str, own: Path, script: Script
) -> None:
    (own / "space.toml").write_text("dropuot = 0.2\n")
    (own / "config.toml").write_text("max-trails = 3\n")

    done = script("tune.py", "--dataset", "digits", *options)

    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not (own / "runs").exists()
