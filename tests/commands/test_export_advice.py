"""Where files can't be written or differ, the command that helps is named whole, and helps when it is called."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import keras
import pytest
from refused import assert_refused

Script = Callable[..., subprocess.CompletedProcess[str]]
layers, ops = keras.layers, keras.ops

pytestmark = pytest.mark.slow


def words_of(text: str, *, after: str) -> list[str]:
    """The words of the command that a text names, without the Python that runs it and the path to the script."""
    (line,) = [line for line in text.splitlines() if after in line]
    return shlex.split(line.partition(after)[2])[2:]


@pytest.fixture
def singular(tmp_path: Path) -> str:
    """A model with an operation that TFLite and ONNX lack, under a name that a shell would split."""
    # Operations count up their names in a process.
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    image = keras.Input((28, 28, 1))
    values = ops.svd(layers.Reshape((28, 28))(image), compute_uv=False)
    answer = layers.Dense(10, activation="softmax", kernel_initializer="normal")(values)
    keras.Model(image, answer).save(tmp_path / "it's mine.keras")
    return "it's mine.keras"


@pytest.mark.parametrize(
    "formats",
    [
        [],
        pytest.param(["--format", "tflite"], marks=pytest.mark.exhaustive),
        ["--format=onnx", "--format=saved_model"],
    ],
)
def test_what_can_not_be_written_names_its_layer_and_the_command_that_writes_the_rest(
    script: Script, singular: str, tmp_path: Path, formats: list[str]
) -> None:
    options = ["--model", singular, "--dataset", "digits", "--pixel-scale", "unit", "--output", "out"]

    refused = script("export.py", *options, *formats)

    assert_refused(refused, "the operation svd (SVD) can't be written as ", "this command writes saved_model: python ")
    assert "--format tflite" not in refused.stderr.partition("this command")[2]
    assert not (tmp_path / "out").exists()
    command = words_of(refused.stderr, after="this command writes saved_model: ")
    assert command == [*options, "--format", "saved_model"]
    done = script("export.py", *command, "--json")
    assert done.returncode == 0, done.stderr
    assert [result["file"] for result in json.loads(done.stdout)["results"]] == ["saved_model"]


@pytest.mark.exhaustive
def test_a_number_type_that_differs_names_the_commands_without_it(
    script: Script, model_file: Path, tmp_path: Path
) -> None:
    shutil.copy(model_file, tmp_path / "mine.keras")
    options = ["--model", "mine.keras", "--dataset", "digits", "--format", "onnx", "--tolerance", "int8=0"]

    differs = script("export.py", *options, "--variant=all")

    assert differs.returncode == 1, differs.stderr
    assert "DIFFERS" in differs.stdout
    assert "--agreement" not in differs.stdout
    for after, files in (
        ("without what failed: ", ["model.onnx", "model_float16.onnx"]),
        ("of each format the smallest file within its tolerance: ", ["model_float16.onnx"]),
    ):
        shutil.rmtree(tmp_path / "mine_artifacts", ignore_errors=True)
        done = script("export.py", *words_of(differs.stdout, after=after), "--json")
        assert done.returncode == 0, done.stderr
        assert [result["file"] for result in json.loads(done.stdout)["results"]] == files
