"""Models, trainings, files and data as people have them, each through the whole path, and compared by hand."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter
from warm_scripts import WarmScripts

from . import codes, data, fits, spaces
from .files import FILES
from .kinds import Kind, write_code
from .layouts import arrays_of

ROOT = Path(__file__).resolve().parents[2]
KINDS = {**spaces.KINDS, **codes.KINDS, **fits.KINDS, **data.KINDS}
QUICK = ("--max-trials", 2, "--epochs", 1, "--workers", 0, "--finalists", 1, "--repeats", 0, "--budget", "none")
AS_COMMANDS = (
    "a loop that ends by a flag",
    "a layer whose class is made in a function elsewhere",
    "a keras.json and an environment for other programs",
)
"""Kinds that are walked by a new Python for each command, the first two with workers; the others by forked ones."""
TYPICAL = (
    "a layer whose class is made in a function elsewhere",
    "one name with other ranges in other branches",
    "weights that are averaged over the steps",
    "words by number",
)
"""What is tried always: of spaces, codes, trainings and data one each."""
pytestmark = pytest.mark.slow


def cases(names: Iterable[str], typical: Collection[str]) -> list[Any]:
    return [pytest.param(name, marks=() if name in typical else pytest.mark.exhaustive) for name in names]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The user's folder, from which Python imports while the test compares."""
    folder = tmp_path / "home"
    folder.mkdir()
    known = set(sys.modules)
    monkeypatch.syspath_prepend(folder)
    yield folder
    for name in set(sys.modules) - known:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


@pytest.mark.parametrize("name", cases(KINDS, TYPICAL))
def test_a_kind_of_model_goes_the_whole_way(name: str, home: Path, warm: WarmScripts) -> None:
    kind = KINDS[name]
    write_code(home, {**kind.files, "my.py": kind.code})
    chosen, raw = kind.data(home)
    search = [*QUICK, *kind.options, *chosen, "--model", kind.model, "--run", "mine"]
    if name in AS_COMMANDS[:2]:
        search += ["--workers", 2]

    for command in (["tune.py", *search], ["export.py"], ["verify.py"]):
        done = _called(home, command, kind.environment or {}) if name in AS_COMMANDS else warm.run(home, *command)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"

    run = home / "runs" / "mine"
    kind.check(run)
    expected = kind.answer(_outputs(_trained(kind, run, raw), kind.inputs(raw)))
    _compare(run / "artifacts", raw, expected)


@pytest.mark.parametrize("name", cases(FILES, ["a model in a model in a model"]))
def test_a_kind_of_file_is_exported(name: str, home: Path, warm: WarmScripts) -> None:
    kind = FILES[name]
    (home / "my.py").write_text(kind.code, encoding="utf-8")
    keras.utils.set_random_seed(1)
    model = kind.make(_imported(home / "my.py"))
    with warnings.catch_warnings():
        # Of HDF5 and of lambdas, which the kinds are about.
        warnings.simplefilter("ignore")
        model.save(home / kind.file)
    arrays = arrays_of(size=kind.size)
    np.savez(home / "data.npz", **arrays)
    raw = arrays["x_test"]

    exported = warm.run(home, "export.py", "--model", kind.file, "--data", "data.npz", *kind.options)
    artifacts = home / f"{Path(kind.file).stem}_artifacts"
    verified = warm.run(home, "verify.py", artifacts)

    assert (exported.returncode, verified.returncode) == (0, 0), exported.stdout + exported.stderr + verified.stderr
    scale = 1 / 255 if "--pixel-scale" in kind.options else 1.0
    _compare(artifacts, raw, np.asarray(model(raw.astype(np.float32) * np.float32(scale))))


def test_the_table_is_large_enough() -> None:
    assert len(KINDS) + len(FILES) >= 40
    assert {*AS_COMMANDS, *TYPICAL} <= set(KINDS)


def _called(folder: Path, words: list[Any], more: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    (folder / "keras_home").mkdir(exist_ok=True)
    settings = {"floatx": "float16", "epsilon": 1e-3, "backend": "torch", "image_data_format": "channels_first"}
    (folder / "keras_home" / "keras.json").write_text(json.dumps(settings))
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / words[0]), *map(str, words[1:])],
        cwd=folder,
        env={**os.environ, "KERAS_HOME": str(folder / "keras_home"), **more},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def _trained(kind: Kind, run: Path, raw: Any) -> keras.Model:
    """The winner, built by the user's code for Keras Tuner's own hyperparameters, with the weights of the run."""
    place, _, name = kind.model.rpartition(":")
    module = _imported(run.parents[1] / place) if place.endswith(".py") else importlib.import_module(place)
    build = getattr(module, name)
    build = build() if isinstance(build, type) else build
    hp = kt.HyperParameters()
    hp.values = json.loads((run / "run.json").read_text(encoding="utf-8"))["winner"]["hyperparameters"]
    model = build.build(hp) if isinstance(build, kt.HyperModel) else build(hp)
    if not model.built:
        model(kind.inputs(raw)[:1])
    (weights,) = (path for path in run.iterdir() if path.name in ("model.keras", "model.weights.h5"))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Skipping variable loading for optimizer")
        model.load_weights(weights)
    return model


def _imported(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("my", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["my"] = module
    spec.loader.exec_module(module)
    return module


def _outputs(model: keras.Model, inputs: Any) -> Any:
    """What the model answers: an array, or one for each name."""
    answer = model(keras.tree.map_structure(keras.ops.convert_to_tensor, inputs), training=False)
    if isinstance(answer, list):
        answer = dict(zip(model.output_names, answer, strict=True))
    return keras.tree.map_structure(np.asarray, answer)


def _compare(artifacts: Path, raw: Any, expected: Any) -> None:
    """The files answer what Keras answers, asked with nothing of ours."""
    session = onnxruntime.InferenceSession(str(artifacts / "model.onnx"), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    types = {each.name: each.type.removeprefix("tensor(").removesuffix(")") for each in session.get_inputs()}
    given = raw if isinstance(raw, Mapping) else {next(iter(types)): raw}
    cast = {name: given[name].astype({"float": "float32"}.get(kind, kind)) for name, kind in types.items()}
    by_onnx = dict(zip(names, session.run(None, cast), strict=True))
    interpreter = Interpreter(model_path=str(artifacts / "model.tflite"))
    by_tflite = interpreter.get_signature_runner()(**cast)
    wanted = expected if isinstance(expected, Mapping) else {names[0]: expected}
    for answers in (by_onnx, by_tflite):
        assert answers.keys() == wanted.keys()
        for name, values in wanted.items():
            reach = max(float(np.abs(values).max()), 1.0)
            np.testing.assert_allclose(answers[name], values, rtol=0, atol=1e-5 * reach)
