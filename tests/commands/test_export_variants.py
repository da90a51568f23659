"""Number types on the command line: the smallest file, a file beyond its limits, and options that are no limits."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from export.formats.format import usual_formats

Script = Callable[..., subprocess.CompletedProcess[str]]
LOOSE = ("--tolerance", "int8=1", "--tolerance", "dynamic=1", "--agreement", "90", "--accuracy-loss", "10")


@pytest.fixture
def model(model_file: Path, tmp_path: Path) -> Path:
    """A small model, beside which its artifacts will lie."""
    return Path(shutil.copy(model_file, tmp_path / "mine.keras"))


@pytest.mark.exhaustive
def test_the_smallest_files_are_published_with_a_note_of_looser_rules(
    script: Script, model: Path, tmp_path: Path
) -> None:
    done = script("export.py", "--model", model, "--dataset", "digits", "--variant", "auto", *LOOSE, "--json")
    verified = script("verify.py", "mine_artifacts", "--json")

    assert done.returncode == 0, done.stderr
    files = [result["file"] for result in json.loads(done.stdout)["results"]]
    assert [result["format"] for result in json.loads(done.stdout)["results"]] == list(usual_formats())
    assert "model_int8.onnx" in files
    assert "model.onnx was not taken: larger than model_int8.onnx" in " ".join(done.stderr.split())
    assert "looser limits than the default for int8: probability 1" in done.stderr
    present = {path.name for path in (tmp_path / "mine_artifacts").iterdir()}
    assert present == {*files, "manifest.json", "parity.json", "reference.npz"} | (present & {"sensitivity.json"})
    assert verified.returncode == 0, verified.stderr
    assert [result["file"] for result in json.loads(verified.stdout)["results"]] == files


@pytest.mark.slow
def test_int8_of_every_format_that_has_it_is_exported(script: Script, model: Path) -> None:
    done = script("export.py", "--model", model, "--dataset", "digits", "--variant", "int8", *LOOSE, "--json")

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [result["file"] for result in found["results"]] == ["model_int8.tflite", "model_int8.onnx"]
    assert all(result["passed"] for result in found["results"])


@pytest.mark.exhaustive
def test_a_number_type_that_breaks_its_rules_is_a_no_and_changes_nothing(
    script: Script, model: Path, tmp_path: Path
) -> None:
    options = ("--model", model, "--dataset", "digits", "--format", "onnx")
    assert script("export.py", *options).returncode == 0
    before = {path: path.read_bytes() for path in (tmp_path / "mine_artifacts").rglob("*") if path.is_file()}

    done = script("export.py", *options, "--variant", "int8", "--tolerance", "int8=0.0001")

    assert done.returncode == 1, done.stderr
    told = " ".join((done.stdout + done.stderr).split())
    assert "model_int8.onnx: test set: a probability differs by" in told
    assert "limit 1e-04" in told
    assert "nothing was published" in told
    assert {path: path.read_bytes() for path in before} == before
    assert {path for path in (tmp_path / "mine_artifacts").rglob("*") if path.is_file()} == set(before)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--tolerance", "int9=0.1"], "--tolerance must be VARIANT=LIMIT with one of float32, float16, dynamic, int8"),
        (["--tolerance", "int8=nan"], "--tolerance must be a number from 0 to 1, got nan"),
        (["--logit-tolerance", "2"], "--logit-tolerance must be a number from 0 to 1, got 2"),
        (["--agreement", "101"], "--agreement must be a number from 0 to 100, got 101"),
        (["--accuracy-loss", "nan"], "--accuracy-loss must be a number from 0 to 100, got nan"),
        (["--accuracy-loss", "little"], "--accuracy-loss"),
        (["--variant", "auto", "--variant", "int8"], "--variant auto chooses by itself: leave the others out"),
        (
            ["--variant", "dynamic", "--format", "onnx"],
            "there is no dynamic onnx: onnx comes as float32, float16, int8",
        ),
        (["--variant", "int4"], "unknown variant int4: choose among float32, float16, dynamic, int8 and all"),
        (["--opset", "12"], "--opset must be 13 to 18, got 12"),
    ],
)
def test_what_is_no_rule_and_no_number_type_is_refused_in_one_sentence(
    script: Script, model: Path, tmp_path: Path, options: list[str], part: str
) -> None:
    done = script("export.py", "--model", model, "--dataset", "digits", *options)

    assert done.returncode == 2
    assert part in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "mine_artifacts").exists()
