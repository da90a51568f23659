"""Models whose layers are a user's own, or code inside the file, as a user gives them to the commands."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from refused import assert_refused

Script = Callable[..., subprocess.CompletedProcess[str]]

LAYERS = '''
"""Layers of a user's own."""
import keras
from near_by import start


@keras.saving.register_keras_serializable("mine")
class Scale(keras.layers.Layer):
    def build(self, shape):
        self.factor = self.add_weight(shape=(shape[-1],), initializer=start)

    def call(self, x):
        return x * self.factor


class Shift(keras.layers.Layer):
    def call(self, x):
        return x + 0.5
'''
NEAR_BY = '''
"""What they need."""


def start(shape, dtype=None):
    import keras

    return keras.ops.full(shape, 2.0, dtype)
'''
MAKE = '''
"""Make the models, trained for a moment so that answers are not uniform."""
import keras
import numpy as np
from own_layers import Scale, Shift
from sklearn.datasets import load_digits

digits = load_digits()
x = np.pad(np.kron(digits.images, np.ones((1, 3, 3))), ((0, 0), (2, 2), (2, 2)))[..., None] / 16
bodies = {
    "own.keras": lambda flat: Shift()(Scale()(flat)),
    "own.h5": lambda flat: Shift()(Scale()(flat)),
    "code.keras": lambda flat: keras.layers.Lambda(lambda t: keras.ops.relu(t) * 2.0)(flat),
}
for name, body in bodies.items():
    keras.utils.set_random_seed(0)
    image = keras.Input((28, 28, 1))
    answer = keras.layers.Dense(10, activation="softmax")(body(keras.layers.Flatten()(image)))
    model = keras.Model(image, answer)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, digits.target, epochs=2, verbose=0)
    model.save(name)
'''
EXPORT = ("export.py", "--dataset", "digits", "--pixel-scale", "unit", "--format", "onnx")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the models, and the code of their layers."""
    folder = tmp_path_factory.mktemp("own")
    for name, text in {"own_layers.py": LAYERS, "near_by.py": NEAR_BY, "make.py": MAKE}.items():
        (folder / name).write_text(text, encoding="utf-8")
    subprocess.run([sys.executable, "make.py"], cwd=folder, check=True, capture_output=True)
    return folder


def test_a_model_with_layers_of_its_own_is_exported_with_their_code(script: Script, made: Path, tmp_path: Path) -> None:
    model = (*EXPORT, "--model", made / "own.keras", "--output", "out")

    assert_refused(script(*model), "own.keras needs the class Scale", "--code FILE.py")
    assert_refused(script(*model, "--code", made / "none.py"), "there is no file", "give --code the Python file")
    done = script(*model, "--code", made / "own_layers.py", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["passed"] is True
    assert (tmp_path / "out" / "model.onnx").is_file()


def test_code_inside_the_file_is_run_once_it_is_trusted(script: Script, made: Path) -> None:
    model = (*EXPORT, "--model", made / "code.keras", "--output", "out")

    assert_refused(script(*model), "code.keras has Lambda layers", "can run anything on this machine", "--allow-lambda")
    done = script(*model, "--allow-lambda")

    assert done.returncode == 0, done.stderr


@pytest.mark.exhaustive
def test_published_files_are_measured_and_their_verification_verified_with_the_code(script: Script, made: Path) -> None:
    code = ("--code", made / "own_layers.py")
    assert script(*EXPORT, "--model", made / "own.h5", *code).returncode == 0
    folder = made / "own_artifacts"

    untold = script("verify.py", folder, "--self-test")
    tested = script("verify.py", folder, "--self-test", *code, "--json")
    idle = script("verify.py", folder, *code)
    unmeasured = script("benchmark.py", folder, "--repeats", 3, "--json")
    measured = script("benchmark.py", folder, "--repeats", 3, *code, "--json")

    assert_refused(untold, "own.h5 needs the class Scale", "--code FILE.py")
    assert tested.returncode == 0, tested.stderr
    assert all(fault["ring"] for fault in json.loads(tested.stdout)["faults"])
    assert_refused(idle, "--code, --allow-lambda and --trust go with --self-test")
    failures = {one["name"]: one["failure"] for one in json.loads(unmeasured.stdout)["results"]}
    assert "needs the class Scale" in failures["model.predict"]
    assert failures["model.onnx"] == ""
    assert [one["failure"] for one in json.loads(measured.stdout)["results"]] == ["", "", ""]


def test_a_file_of_code_that_fails_is_one_sentence(script: Script, made: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import keras\n\nkeras.no_such_thing\n")

    done = script(*EXPORT, "--model", made / "own.keras", "--code", "broken.py")

    assert_refused(done, "broken.py can't be imported (broken.py line 3: AttributeError: ")
