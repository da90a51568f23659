"""A Keras model as it lies on disk: a zip archive (`.keras`) or HDF5 (`.h5`, `.hdf5`), known by its content.

Both hold the model's configuration as JSON, in which layers are told by class, name and settings, and its weights.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras

from export.errors import InputError

_CONFIG, _METADATA = "config.json", "metadata.json"
_OLD = "2."


@dataclass(frozen=True, kw_only=True)
class StoredModel:
    """`config`: the model's configuration, with that of its training under `compile_config`. `keras_version`: what
    wrote the file, empty if it does not say."""

    path: Path
    is_archive: bool
    config: Mapping[str, Any]
    keras_version: str

    @property
    def is_unreadable_version(self) -> bool:
        """Whether it is an archive of Keras 2, whose configuration Keras 3 does not read; HDF5 files it reads."""
        return self.is_archive and self.keras_version.startswith(_OLD)

    def load(self, config: Mapping[str, Any], **options: Any) -> keras.Model:
        """The model with this configuration in the place of the file's own, without its training state."""
        suffix = ".keras" if self.is_archive else ".h5"
        if config == self.config and self.path.suffix == suffix:
            return keras.models.load_model(self.path, compile=False, **options)
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / f"model{suffix}"
            (_copy_archive if self.is_archive else _copy_hdf5)(self.path, copy, config)
            return keras.models.load_model(copy, compile=False, **options)


def open_stored(path: Path) -> StoredModel:
    """Raises InputError for what is missing, holds no Keras model, or can't be read."""
    if path.is_dir():
        raise InputError(_about_folder(path))
    if not path.is_file():
        raise InputError(f"there is no file {path}: give a model saved with model.save('name.keras')")
    with _readable(path):
        if zipfile.is_zipfile(path):
            return _open_archive(path)
        if h5py.is_hdf5(path):
            return _open_hdf5(path)
    raise InputError(f"{path} is not a Keras file: save the model with model.save('name.keras')")


def advice_for_old(path: Path) -> str:
    """How a model of Keras 2 gets into a form that Keras 3 reads."""
    saved = f"{path.with_suffix('.h5')}"
    code = f"import tf_keras; tf_keras.models.load_model({str(path)!r}).save({saved!r})"
    return f'run pip install tf-keras, then python -c "{code}", and export {saved}'


def _about_folder(path: Path) -> str:
    if (path / "keras_metadata.pb").is_file():
        return f"{path} is a SavedModel of Keras 2, which Keras 3 does not read: {advice_for_old(path)}"
    what = "a SavedModel, which holds no Keras model" if (path / "saved_model.pb").is_file() else "a folder"
    return f"{path} is {what}: give the model itself, saved with model.save('name.keras')"


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Let what the file's readers raise be one sentence."""
    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path} can't be read as a Keras file ({' '.join(str(error).split())[:200]}): save the model again"
        ) from error


def _open_archive(path: Path) -> StoredModel:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if _CONFIG not in names:
            raise InputError(f"{path} is an archive without a Keras model: save it with model.save('name.keras')")
        metadata = json.loads(archive.read(_METADATA)) if _METADATA in names else {}
        return StoredModel(
            path=path,
            is_archive=True,
            config=json.loads(archive.read(_CONFIG)),
            keras_version=str(metadata.get("keras_version", "")),
        )


def _open_hdf5(path: Path) -> StoredModel:
    with h5py.File(path, "r") as file:
        config, training = file.attrs.get("model_config"), file.attrs.get("training_config")
        if config is None:
            raise InputError(
                f"{path} holds weights and no model: load them into the model that they are of, and save all of it "
                "with model.save('name.keras')"
            )
        training = None if training is None else json.loads(training)
        return StoredModel(
            path=path,
            is_archive=False,
            config={**json.loads(config), "compile_config": training},
            keras_version=_text(file.attrs.get("keras_version", "")),
        )


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _copy_archive(path: Path, copy: Path, config: Mapping[str, Any]) -> None:
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(copy, "w") as target:
        for name in source.namelist():
            if name == _CONFIG:
                target.writestr(name, json.dumps(config))
                continue
            with source.open(name) as content, target.open(name, "w", force_zip64=True) as written:
                shutil.copyfileobj(content, written)


def _copy_hdf5(path: Path, copy: Path, config: Mapping[str, Any]) -> None:
    shutil.copyfile(path, copy)
    model = {name: part for name, part in config.items() if name != "compile_config"}
    with h5py.File(copy, "r+") as file:
        file.attrs["model_config"] = json.dumps(model).encode()
