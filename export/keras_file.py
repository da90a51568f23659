"""A `.keras` file → the model in it, with what the file says about its training."""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from export.artifact import digest_file
from export.errors import InputError

_CONFIG = "config.json"
_HALF_POLICIES = ("float16", "bfloat16", "mixed_float16", "mixed_bfloat16")


@dataclass(frozen=True, kw_only=True, eq=False)
class KerasFile:
    """A loaded model. `digest`: the file's sha256. `from_logits`: whether it was trained on logits, as far as the file
    says. `half_precision`: the policy of layers that trained with half precision and compute in float32 here; else
    empty.
    """

    path: Path
    model: keras.Model
    digest: str
    from_logits: bool
    half_precision: str


def load_keras(
    path: Path, *, custom_objects: Mapping[str, Any] | None = None, in_float32: bool = True, trusted: bool = False
) -> KerasFile:
    """Load a `.keras` file without its training state.

    Weights of mixed precision are float32 numbers, and half-precision arithmetic rounds differently in every runtime,
    by a hundred times what a verification can allow; so `in_float32` lets every layer compute in float32. `trusted`: a
    Lambda layer's code, which the file holds, may be run. Raises InputError if the file is missing, is not a Keras
    model, or changes meanwhile.
    """
    if not path.is_file():
        raise InputError(f"there is no file {path}: give a model saved with model.save('name.keras')")
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise InputError(f"{path} is not a .keras file: save the model with model.save('name.keras')")
    digest = digest_file(path)
    try:
        config = _read_config(path)
        half = _half_policy(config) if in_float32 else ""
        objects = dict(custom_objects if custom_objects is not None else {})
        model = _load(path, config if half else None, custom_objects=objects, safe_mode=not trusted)
    # A zip file that is no model, or one with layers of the user's own, fails in Keras with many kinds of exception.
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path} can't be loaded as a Keras model ({reason}): save it again, and register classes of its own with "
            "keras.saving.register_keras_serializable or name the file that holds them"
        ) from error
    if digest_file(path) != digest:
        raise InputError(f"{path} was written while it was being read: export it again")
    return KerasFile(path=path, model=model, digest=digest, from_logits=_from_logits(config), half_precision=half)


def _read_config(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read(_CONFIG))


def _load(path: Path, config: Any, **options: Any) -> keras.Model:
    """The model of the file, with `config` in the place of its own if one is given."""
    if config is None:
        return keras.models.load_model(path, compile=False, **options)
    with tempfile.TemporaryDirectory() as folder:
        changed = Path(folder) / path.name
        with zipfile.ZipFile(path) as source, zipfile.ZipFile(changed, "w") as target:
            for name in source.namelist():
                if name == _CONFIG:
                    target.writestr(name, json.dumps(_in_float32(config)))
                    continue
                with source.open(name) as content, target.open(name, "w", force_zip64=True) as copy:
                    shutil.copyfileobj(content, copy)
        return keras.models.load_model(changed, compile=False, **options)


def _half_policy(config: Any) -> str:
    """The first policy of half precision in a model's configuration; empty if there is none."""
    if isinstance(config, list):
        return next(filter(None, map(_half_policy, config)), "")
    if not isinstance(config, dict):
        return ""
    if config.get("class_name") == "DTypePolicy" and config["config"]["name"] in _HALF_POLICIES:
        return str(config["config"]["name"])
    if isinstance(config.get("dtype"), str) and config["dtype"] in _HALF_POLICIES:
        return str(config["dtype"])
    return next(filter(None, map(_half_policy, config.values())), "")


def _in_float32(config: Any) -> Any:
    """The configuration with float32 in the place of half precision, in layers' policies and in inputs' dtypes."""
    if isinstance(config, list):
        return [_in_float32(part) for part in config]
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "DTypePolicy" and config["config"]["name"] in _HALF_POLICIES:
        return {**config, "config": {"name": "float32"}}
    return {
        key: "float32" if key == "dtype" and isinstance(part, str) and part in _HALF_POLICIES else _in_float32(part)
        for key, part in config.items()
    }


def _from_logits(config: Any) -> bool:
    loss = ((config.get("compile_config") or {}).get("loss")) if isinstance(config, dict) else None
    return isinstance(loss, dict) and isinstance(loss.get("config"), dict) and loss["config"].get("from_logits") is True
