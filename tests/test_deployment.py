"""What the READMEs say about deployment is enough: a fresh environment, its one `pip install`, its few lines of code.

Each environment holds nothing else, the project least of all, and is removed again. TensorFlow's takes a minute or more
and 2.2 GB on disk for as long.
"""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from readme_files import READMES, blocks
from warm_scripts import WarmScripts

SECTIONS = {
    block.runtime[0]: (block.runtime[1], block.text) for readme in READMES for block in blocks(readme) if block.runtime
}
FILES = {"ONNX": "model.onnx", "TFLite": "model.tflite", "SavedModel": "saved_model", "OpenVINO": "openvino"}
FORMATS = ("--format", "all", "--format", "openvino")
RUNTIMES = {"ONNX": "onnxruntime", "TFLite": "ai-edge-litert", "SavedModel": "tensorflow", "OpenVINO": "openvino"}
OURS = ("tuning", "export", "scripts", "keras_tuner")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, warm: WarmScripts, model_file: Path) -> Path:
    folder = tmp_path_factory.mktemp("published")
    done = warm.run(folder, "export.py", "--model", model_file, "--dataset", "digits", "--output", folder, *FORMATS)
    assert done.returncode == 0, done.stderr
    return folder


def a_digit(published: Path, folder: Path) -> str:
    """Save as picture.png the test image, of no zero, that the model is surest and right about; its label."""
    with np.load(published / "reference.npz") as reference:
        images, labels, probabilities = (reference[name] for name in ("images", "labels", "probabilities"))
    is_right = (probabilities.argmax(axis=1) == labels) & (labels != 0)
    surest = int(np.where(is_right, probabilities.max(axis=1), 0).argmax())
    Image.fromarray(images[surest, :, :, 0]).save(folder / "picture.png")
    return str(labels[surest])


def test_each_format_has_a_section_with_its_runtime_and_less_than_ten_lines() -> None:
    assert {name: packages for name, (packages, _) in SECTIONS.items()} == {
        name: [runtime, "pillow"] for name, runtime in RUNTIMES.items()
    }
    assert {name: len(code.splitlines()) < 10 for name, (_, code) in SECTIONS.items()} == dict.fromkeys(RUNTIMES, True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "ONNX",
        "TFLite",
        pytest.param("OpenVINO", marks=pytest.mark.exhaustive),
        pytest.param("SavedModel", marks=pytest.mark.exhaustive),
    ],
)
def test_a_digit_is_read_with_the_runtime_alone(name: str, tmp_path: Path, published: Path, environment: Any) -> None:
    packages, code = SECTIONS[name]
    place = tmp_path / "place"
    place.mkdir()
    copy = shutil.copytree if (published / FILES[name]).is_dir() else shutil.copy
    copy(published / FILES[name], place / FILES[name])
    label = a_digit(published, place)
    environment.install(*packages)

    done = environment.run("-I", "-c", code, cwd=place)
    program = f"import importlib.util; print([name for name in {OURS} if importlib.util.find_spec(name)])"
    found = environment.run("-I", "-c", program, cwd=place)

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == label
    assert found.stdout.strip() == "[]", shlex.join(found.args)
