"""A Keras file is known by its content, whatever it is called; what holds no model is refused with the way out."""

from __future__ import annotations

import dataclasses
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from export.errors import InputError
from export.model.stored_model import open_stored

layers = keras.layers
IMAGES = np.random.default_rng(0).normal(0, 1, (3, 8, 8, 1)).astype(np.float32)


@pytest.fixture
def model() -> keras.Model:
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 1))
    return keras.Model(image, layers.Dense(3, activation="softmax", name="last")(layers.Flatten()(image)))


@pytest.mark.parametrize(
    ("saved", "name"),
    [
        ("a.keras", "a.keras"),
        ("a.h5", "a.h5"),
        ("a.hdf5", "a.hdf5"),
        ("a.keras", "a.h5"),
        ("a.h5", "a.keras"),
        ("a.h5", "model"),
    ],
)
def test_a_model_is_loaded_by_what_the_file_holds(model: keras.Model, tmp_path: Path, saved: str, name: str) -> None:
    model.save(tmp_path / saved)
    path = shutil.move(tmp_path / saved, tmp_path / f"moved_{name}")

    stored = open_stored(Path(path))

    assert stored.keras_version == keras.__version__
    np.testing.assert_array_equal(stored.load(stored.config)(IMAGES), model(IMAGES))


@pytest.mark.parametrize("name", ["a.keras", "a.h5"])
def test_a_model_is_loaded_with_another_configuration(model: keras.Model, tmp_path: Path, name: str) -> None:
    model.save(tmp_path / name)
    before = (tmp_path / name).read_bytes()
    stored = open_stored(tmp_path / name)
    text = json.dumps(stored.config)

    loaded = stored.load(json.loads(text.replace('"softmax"', '"linear"')))

    assert loaded.get_layer("last").activation is keras.activations.linear
    np.testing.assert_array_equal(loaded.get_layer("last").kernel, model.get_layer("last").kernel)
    assert (tmp_path / name).read_bytes() == before


@pytest.mark.parametrize("name", ["a.keras", "a.h5"])
def test_the_training_is_told(model: keras.Model, tmp_path: Path, name: str) -> None:
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.save(tmp_path / name)

    loss = open_stored(tmp_path / name).config["compile_config"]["loss"]

    assert loss["config"]["from_logits"] is True


def test_a_model_that_was_never_compiled_tells_no_training(model: keras.Model, tmp_path: Path) -> None:
    model.save(tmp_path / "a.h5")

    assert open_stored(tmp_path / "a.h5").config["compile_config"] is None


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no file .*none\.keras: give a model saved with model\.save"):
        open_stored(tmp_path / "none.keras")


@pytest.mark.parametrize("save", ["save_weights", "save"])
def test_weights_alone_are_refused_with_what_to_do(model: keras.Model, tmp_path: Path, save: str) -> None:
    path = tmp_path / "mine.weights.h5"
    getattr(model, save)(path)
    with h5py.File(path, "r+") as file:
        file.attrs.pop("model_config", None)

    with pytest.raises(
        InputError, match=r"mine\.weights\.h5 holds weights and no model: load them into the model that"
    ):
        open_stored(path)


def test_an_exported_folder_is_refused_with_what_to_do(model: keras.Model, tmp_path: Path) -> None:
    model.export(tmp_path / "exported", verbose=False)

    with pytest.raises(
        InputError, match=r"exported is a SavedModel, which holds no Keras model: give the model itself"
    ):
        open_stored(tmp_path / "exported")


def test_a_folder_of_keras_2_is_refused_with_the_command_that_converts_it(tmp_path: Path) -> None:
    (tmp_path / "old model").mkdir()
    (tmp_path / "old model" / "keras_metadata.pb").write_bytes(b"")
    saved = tmp_path / "old model.h5"

    with pytest.raises(
        InputError, match="is a SavedModel of Keras 2, which Keras 3 does not read: run pip install tf-k"
    ) as raised:
        open_stored(tmp_path / "old model")

    command = f"import tf_keras; tf_keras.models.load_model('{tmp_path / 'old model'}').save('{saved}')"
    assert str(raised.value).endswith(f'then python -c "{command}", and export {saved}')


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"is a folder: give the model itself, saved with model\.save\('name\.keras'\)"
    ):
        open_stored(tmp_path)


@pytest.mark.parametrize("content", [b"", b"just text", bytes(range(256)) * 10])
def test_what_is_no_keras_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "text.keras").write_bytes(content)

    with pytest.raises(
        InputError, match=r"text\.keras is not a Keras file: save the model with model\.save\('name\.ke"
    ):
        open_stored(tmp_path / "text.keras")


def test_an_archive_without_a_model_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
        archive.writestr("readme.txt", "no model")

    with pytest.raises(InputError, match=r"a\.keras is an archive without a Keras model: save it with model\.save"):
        open_stored(tmp_path / "a.keras")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _damage_archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "damaged")


def _damage_hdf5(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = b"damaged"


@pytest.mark.parametrize(("name", "damage"), [("a.keras", _damage_archive), ("a.h5", _damage_hdf5), ("a.h5", _cut)])
def test_a_damaged_file_is_refused_in_one_line(
    model: keras.Model, tmp_path: Path, name: str, damage: Callable[[Path], Any]
) -> None:
    model.save(tmp_path / name)
    damage(tmp_path / name)

    with pytest.raises(
        InputError, match=rf"{name} can't be read as a Keras file \(.*\): save the model again"
    ) as raised:
        open_stored(tmp_path / name)

    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "version", "unreadable"),
    [("a.keras", "2.15.0", True), ("a.keras", "3.2.1", False), ("a.h5", "2.15.0", False)],
)
def test_archives_of_keras_2_are_known(
    model: keras.Model, tmp_path: Path, name: str, version: str, unreadable: bool
) -> None:
    model.save(tmp_path / name)
    stored = open_stored(tmp_path / name)

    assert not stored.is_unreadable_version
    assert dataclasses.replace(stored, keras_version=version).is_unreadable_version is unreadable
