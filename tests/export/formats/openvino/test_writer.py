"""OpenVINO folders: the same bytes every time, the same answers in every way of loading, and nothing sent anywhere."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.artifact import Format, digest_tree
from export.formats.format import is_installed
from export.formats.writer import write

if not is_installed(Format.OPENVINO):
    pytest.skip("openvino is not installed", allow_module_level=True)

from export.formats.openvino.quiet import SENDERS, openvino, opset

CLOSE = 1e-5
ROOT = Path(__file__).resolve().parents[4]
WATCHED = """
import os, sys
seen = []
sys.addaudithook(lambda event, arguments: seen.append((event, str(arguments)[:200])))
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import numpy as np
from export.artifact import Format, Target, Variant
from export.formats.runtime import load
from export.formats.tensors import open_tensors
path = Path(sys.argv[2])
inputs = {"image": np.zeros((1, 28, 28, 1), np.uint8)}
load(Target(format=Format.OPENVINO, variant=Variant.FLOAT32), path).answer(inputs)
open_tensors(Format.OPENVINO, path).read(inputs)
sent = [event for event in seen if event[0].startswith(("socket.", "subprocess.", "urllib.", "os.posix_spawn"))]
print(sent, sorted(os.listdir(os.environ["HOME"])))
"""


@pytest.fixture(scope="module")
def folder(serving: Any, options: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("openvino")
    write(serving, path, options(Format.OPENVINO))
    return path


def plain_answers(path: Path, images: np.ndarray, **hints: str) -> np.ndarray:
    """As a user loads a file, with nothing of this project."""
    return openvino.Core().compile_model(path / "openvino/model.xml", "CPU", hints)([images])[0]


@pytest.mark.slow
def test_the_same_bytes_come_of_the_same_model(
    folder: Path, serving: Any, options: Callable[..., Any], tmp_path: Path
) -> None:
    write(serving, tmp_path, options(Format.OPENVINO))

    assert digest_tree(tmp_path, "openvino") == digest_tree(folder, "openvino")


@pytest.mark.slow
@pytest.mark.parametrize("hints", [{}, {"EXECUTION_MODE_HINT": "ACCURACY"}, {"INFERENCE_PRECISION_HINT": "bf16"}])
def test_a_file_answers_in_float32_however_it_is_loaded(
    folder: Path, examples: Any, keras_answers: Callable[[np.ndarray], np.ndarray], hints: dict[str, str]
) -> None:
    answers = plain_answers(folder, examples[0], **hints)

    assert np.abs(answers - keras_answers(examples[0])).max() <= CLOSE


@pytest.mark.slow
def test_without_its_marks_a_file_is_computed_in_bfloat16(folder: Path, examples: Any, tmp_path: Path) -> None:
    (tmp_path / "openvino").mkdir()
    (tmp_path / "openvino/model.bin").write_bytes((folder / "openvino/model.bin").read_bytes())
    text = (folder / "openvino/model.xml").read_text(encoding="utf-8")
    text = re.sub(r'<attribute name="(precise|DisablePrecisionConversion)"[^>]*/>', "", text)
    (tmp_path / "openvino/model.xml").write_text(text, encoding="utf-8")

    difference = np.abs(
        plain_answers(tmp_path, examples[0], INFERENCE_PRECISION_HINT="bf16") - plain_answers(folder, examples[0])
    ).max()

    assert difference > CLOSE or "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


@pytest.mark.slow
def test_openvino_itself_tells_the_labels(folder: Path) -> None:
    model = openvino.Core().read_model(folder / "openvino/model.xml")

    assert model.get_rt_info(["model_info", "labels"]).astype(str).startswith('["0", "1"')


@pytest.mark.slow
def test_nothing_is_sent_and_nothing_written_into_the_home(folder: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(ROOT), str(folder / "openvino")],
        env={"HOME": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.returncode) == ("[] []\n", 0), done.stderr


def test_neither_telemetry_nor_what_calls_it_can_be_imported() -> None:
    assert all(sys.modules[name] is None for name in SENDERS)


@pytest.mark.parametrize(
    "make",
    [
        lambda x, set1: set1.subtract(x, np.full((1, 6), 0.5, np.float32)),
        lambda x, set1: set1.subtract(x, set1.relu(x)),
        lambda x, set1: set1.negative(x),
        lambda x, set1: set1.prelu(x, np.float32([0.1])),
        lambda x, set1: set1.prelu(x, np.float32([0.1, 0.2, 0.3, 0.1, 0.2, 0.3])),
        lambda x, set1: set1.divide(x, set1.exp(x)),
        lambda x, set1: set1.divide(x, np.full((1, 6), 3, np.float32)),
        lambda x, set1: set1.tile(x, np.array([1, 2])),
        lambda x, set1: opset(5).log_softmax(x, 1),
        lambda x, set1: opset(8).softmax(x, -1),
        lambda x, set1: opset(12).pad(x, np.array([0, 1]), np.array([0, 2]), "constant", np.float32(7)),
        lambda x, set1: opset(3).broadcast(x, np.array([2, 1, 6]), broadcast_spec="BIDIRECTIONAL"),
        lambda x, set1: set1.add(set1.matmul(x, np.eye(6, dtype=np.float32), False, False), np.ones(6, np.float32)),
        lambda x, set1: set1.multiply(set1.matmul(x, np.eye(6, dtype=np.float32), False, False), np.float32(2)),
        lambda x, set1: opset(11).interpolate(
            set1.reshape(x, np.array([-1, 1, 2, 3]), False), np.array([4, 6]), "nearest", "sizes", axes=[2, 3]
        ),
        lambda x, set1: opset(11).interpolate(
            set1.reshape(x, np.array([-1, 1, 2, 3]), False), np.float32([2, 2]), "linear_onnx", "scales", axes=[2, 3]
        ),
        lambda x, set1: set1.relu(set1.reshape(x, np.array([-1, 2, 3]), False)),
        lambda x, set1: set1.reduce_max(set1.negative(set1.reduce_max(x, np.array([1]), False)), np.array([0]), True),
    ],
)
def test_a_lowered_operator_computes_the_same(make: Callable[..., Any]) -> None:
    from export.formats.openvino.lowering import lower

    set1 = opset(1)
    values = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    numbers = set1.parameter([-1, 6], np.float32, name="x")
    model = openvino.Model([set1.result(make(numbers, set1))], [numbers], "model")
    expected = answers(model, values)

    lower(model)

    assert np.allclose(answers(model, values), expected, rtol=1e-6, atol=1e-6)


def answers(model: Any, values: np.ndarray) -> np.ndarray:
    return openvino.Core().compile_model(model, "CPU", {"EXECUTION_MODE_HINT": "ACCURACY"})([values])[0]
