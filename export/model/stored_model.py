"""A Keras model as it lies on disk: a zip archive (`.keras`) or HDF5 (`.h5`, `.hdf5`), known by its content.

Both hold the model's configuration as JSON, in which layers are given by class, name and settings, and its weights.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py

from export.errors import InputError
from export.files.bounded_archive import check_sizes, open_archive, read_part
from export.files.bounded_hdf5 import check_arrays
from tuning.files.bounded_files import LARGEST_JSON, is_folder, parse_json, regular_size

if TYPE_CHECKING:
    import keras

_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
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
        # Only here: what can't be loaded is refused before a framework is imported.
        import keras

        suffix = ".keras" if self.is_archive else ".h5"
        if config == self.config and self.path.suffix == suffix:
            return keras.models.load_model(self.path, compile=False, **options)
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / f"model{suffix}"
            (_copy_archive if self.is_archive else _copy_hdf5)(self.path, copy, config)
            return keras.models.load_model(copy, compile=False, **options)


def open_stored(path: Path) -> StoredModel:
    """Raises InputError for what is missing, holds no Keras model, or can't be read."""
    if is_folder(path):
        raise InputError(_about_folder(path))
    regular_size(path, give="give a model saved with model.save('name.keras')")
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
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(
            f"{path} can't be read as a Keras file ({' '.join(str(error).split())[:200]}): save the model again"
        ) from error


def _open_archive(path: Path) -> StoredModel:
    with open_archive(path) as archive:
        names = archive.namelist()
        if _CONFIG not in names:
            raise InputError(f"{path} is an archive without a Keras model: save it with model.save('name.keras')")
        config = read_part(archive, _CONFIG, limit=LARGEST_JSON)
        metadata = _object(read_part(archive, _METADATA, limit=LARGEST_JSON)) if _METADATA in names else {}
        # Keras believes the sizes that parts are said to have.
        check_sizes(archive)
        if _WEIGHTS in names:
            with archive.open(_WEIGHTS) as part, h5py.File(part, "r") as weights:
                check_arrays(weights)
        return StoredModel(
            path=path,
            is_archive=True,
            config=_model_config(config),
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
        check_arrays(file)
        training = None if training is None else parse_json(_bytes(training), finite=False)
        return StoredModel(
            path=path,
            is_archive=False,
            config={**_model_config(_bytes(config)), "compile_config": training},
            keras_version=_text(file.attrs.get("keras_version", "")),
        )


def _object(content: bytes) -> dict[str, Any]:
    """A JSON object. Raises ValueError."""
    if len(content) > LARGEST_JSON:
        raise ValueError(f"its configuration has {len(content):,} bytes, more than {LARGEST_JSON:,}")
    # An activation may well have infinity for a limit.
    data = parse_json(content, finite=False)
    if not isinstance(data, dict):
        raise ValueError(f"its configuration is no object but {type(data).__name__}")
    return data


def _model_config(content: bytes) -> dict[str, Any]:
    """The configuration of a model. Raises ValueError."""
    config = _object(content)
    if not isinstance(config.get("class_name"), str) or not isinstance(config.get("config"), dict | list):
        raise ValueError("its configuration names no class of models")
    return config


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


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
