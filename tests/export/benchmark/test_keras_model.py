"""The Keras model and its own exports are given what they were trained on, and what fails is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from export.artifact import Format, TensorSpec
from export.benchmark.callables import load_file
from export.benchmark.candidate import KerasSource, export_candidate
from export.benchmark.keras_model import load_own, nest, prepare
from export.benchmark.messages import Inputs, Prepare, Prepared
from export.errors import InputError
from scripts.options.code import Code

IMAGE = TensorSpec(name="image", dtype="uint8", shape=(None, 8, 8, 1))
UNIT = (1 / 255, 0.0)
OWN_CLASS = '''
"""A layer of the user's own."""
import keras


class Doubling(keras.layers.Layer):
    def call(self, values):
        return 2 * values
'''


@pytest.fixture
def images(tmp_path: Path) -> np.ndarray:
    found = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 1), dtype=np.uint8)
    np.save(tmp_path / "image.npy", found)
    return found


def save(path: Path, *layers: Any, dtype: str = "float32", shape: tuple[int, ...] = (8, 8, 1)) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(shape, dtype=dtype, name="pixels"), *layers])
    model.save(path)
    return model


def prepared(source: KerasSource, folder: Path, *formats: Format) -> Prepared:
    inputs = Inputs(names=("image",), paths=(folder / "image.npy",))
    return prepare(Prepare(source=source, inputs=inputs, formats=formats, folder=folder))


def dense(activation: str, units: int = 3) -> list[Any]:
    return [keras.layers.Flatten(), keras.layers.Dense(units, activation)]


def test_a_model_of_pixels_gets_them_as_they_are(tmp_path: Path, images: np.ndarray) -> None:
    save(tmp_path / "m.keras", keras.layers.Rescaling(1 / 255), *dense("softmax"), dtype="uint8")

    found = prepared(KerasSource(path=tmp_path / "m.keras", served=(IMAGE,), scale=None), tmp_path)

    assert found.inputs.names == ("pixels",)
    own = np.load(found.inputs.paths[0])
    assert own.dtype == np.uint8
    np.testing.assert_array_equal(own, images)


def test_a_model_of_numbers_gets_scaled_pixels_in_its_own_shape(tmp_path: Path, images: np.ndarray) -> None:
    save(tmp_path / "m.keras", *dense("softmax"), shape=(8, 8))

    found = prepared(KerasSource(path=tmp_path / "m.keras", served=(IMAGE,), scale=UNIT), tmp_path)

    own = np.load(found.inputs.paths[0])
    assert own.dtype == np.float32
    np.testing.assert_allclose(own, images[..., 0] / 255, rtol=1e-6)


@pytest.mark.slow
def test_the_files_of_model_export_answer_as_the_model(tmp_path: Path, images: np.ndarray) -> None:
    model = save(tmp_path / "m.keras", *dense("softmax"))
    source = KerasSource(path=tmp_path / "m.keras", served=(IMAGE,), scale=UNIT)

    found = prepared(source, tmp_path, Format.ONNX, Format.TFLITE)

    assert found.failures == {}
    own = np.load(found.inputs.paths[0])
    for kind in (Format.ONNX, Format.TFLITE):
        loaded = load_file(export_candidate(kind, found.files[kind]), found.inputs.names, threads=1)
        np.testing.assert_allclose(loaded.call([own]), model.predict(own, verbose=0), atol=1e-5)


@pytest.mark.slow
def test_an_export_that_fails_is_told_and_the_other_is_written(tmp_path: Path, images: np.ndarray) -> None:
    (tmp_path / "model_export.onnx").mkdir()
    save(tmp_path / "m.keras", *dense("softmax"))
    source = KerasSource(path=tmp_path / "m.keras", served=(IMAGE,), scale=UNIT)

    found = prepared(source, tmp_path, Format.TFLITE, Format.ONNX)

    assert found.failures[Format.ONNX].startswith("model.export can't write it: ")
    assert "Is a directory" in found.failures[Format.ONNX]
    assert list(found.files) == [Format.TFLITE]


@pytest.mark.parametrize(("activation", "threshold"), [("sigmoid", 0.5), ("linear", 0.0)])
def test_from_where_on_a_single_unit_means_the_second_class(
    tmp_path: Path, images: np.ndarray, activation: str, threshold: float
) -> None:
    save(tmp_path / "m.keras", *dense(activation, units=1))

    found = prepared(KerasSource(path=tmp_path / "m.keras", served=(IMAGE,), scale=UNIT), tmp_path)

    assert found.threshold == threshold


@pytest.mark.slow
def test_a_model_with_classes_of_its_own_is_loaded_with_them(tmp_path: Path, images: np.ndarray) -> None:
    from tuning.plugins.user_code import load_custom_objects

    (tmp_path / "own_layers.py").write_text(OWN_CLASS)
    argument = f"{tmp_path}/own_layers.py:Doubling"
    doubling = load_custom_objects(argument)["Doubling"]
    save(tmp_path / "m.keras", doubling(), *dense("softmax"))
    code = Code(files=(str(tmp_path / "own_layers.py"),))
    source = KerasSource(path=tmp_path / "m.keras", served=(IMAGE,), scale=UNIT, load_code=code.load)

    model, structure = load_own(source, {"pixels": images})

    assert model(nest(structure, [images[:2]])).shape == (2, 3)
    with pytest.raises(InputError, match=r"m\.keras needs the class Doubling, which .*--code FILE\.py"):
        load_own(KerasSource(path=tmp_path / "m.keras", served=(IMAGE,), scale=UNIT))
