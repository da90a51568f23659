"""A Keras file → the model in it, with what the file says about its training."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from export.artifact import digest_file
from export.errors import InputError
from export.model.keras_messages import read_reason
from export.model.own_code import OwnCode
from export.model.own_objects import OwnObject, find_missing, match_objects
from export.model.stored_code import layers_with_code, load_code
from export.model.stored_model import StoredModel, advice_for_old, open_stored
from export.model.weights_file import builder_for, compute_in_float32, load_rebuilt

_TRAINING = "compile_config"
_HALF_POLICIES = ("float16", "bfloat16", "mixed_float16", "mixed_bfloat16")
_POLICIES = ("DTypePolicy", "Policy")
_OLD_OPERATIONS = ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer", "ClassMethod", "InstanceMethod")
"""What models of Keras 2 hold for functions between layers."""
# How HDF5 files of Keras 2 name functions: not as such, so that only Keras's own message shows them.
_UNKNOWN = re.compile(r"function identifier: (?P<function>\w+)$")


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
    path: Path,
    *,
    code: OwnCode | None = None,
    in_float32: bool = True,
    examples: np.ndarray | Mapping[str, np.ndarray] | None = None,
) -> KerasFile:
    """Load a `.keras` or `.h5` file without its training state, or a `.weights.h5` file into what the code builds.

    Weights of mixed precision are float32 numbers, and half-precision arithmetic rounds differently in every runtime,
    by a hundred times what a verification can allow; so `in_float32` lets every layer compute in float32.
    `code`: the user's own, None for none. `examples`: what a model that is built again will be asked. Raises InputError
    if the file is missing, is not a Keras model, can't be loaded, or changes meanwhile, and where Keras works without
    TensorFlow.
    """
    if keras.config.backend() != "tensorflow":
        raise InputError(
            f"Keras was imported with the backend {keras.config.backend()}, but models are exported with TensorFlow: "
            "set KERAS_BACKEND=tensorflow before keras is imported"
        )
    code = code if code is not None else OwnCode()
    digest = digest_file(path) if path.is_file() else ""
    rebuild = builder_for(path, code) if digest else None
    if rebuild is None:
        file = _read(path, digest, code, in_float32=in_float32)
    else:
        rebuilt = load_rebuilt(path, rebuild, examples=examples)
        half = compute_in_float32(rebuilt.model, _HALF_POLICIES) if in_float32 else ""
        file = KerasFile(
            path=path, model=rebuilt.model, digest=digest, from_logits=rebuilt.from_logits, half_precision=half
        )
    if digest_file(path) != digest:
        raise InputError(f"{path} was written while it was being read: export it again")
    return file


def _read(path: Path, digest: str, code: OwnCode, *, in_float32: bool) -> KerasFile:
    stored = open_stored(path)
    holding = layers_with_code(stored.config)
    if holding and not code.trusted:
        raise InputError(
            f"{path} has Lambda layers ({', '.join(holding)}): Lambda layers are Python code stored inside the file, "
            "and whoever made the file can run anything on this machine with it; add --allow-lambda if you trust it"
        )
    half = _half_policy(stored.config) if in_float32 else ""
    objects = match_objects(stored.config, code.objects)
    # Where one of Keras's own has the same name, Keras would take that.
    lacking = find_missing(stored.config, objects)
    if any(own.is_declared for own in lacking) and not stored.is_unreadable_version:
        raise InputError(_needs(path, lacking))
    try:
        model = _load(stored, objects, in_float32=bool(half), trusted=code.trusted)
    # A file of another version, or with classes of the user's own, fails in Keras with many kinds of exception.
    except Exception as error:
        raise InputError(_explain(stored, objects, error)) from error
    return KerasFile(
        path=path, model=model, digest=digest, from_logits=_from_logits(stored.config), half_precision=half
    )


def _load(stored: StoredModel, objects: Mapping[str, Any], *, in_float32: bool, trusted: bool) -> keras.Model:
    # How the model itself was compiled, Keras leaves out by itself.
    config: Any = {key: part if key == _TRAINING else _without_training(part) for key, part in stored.config.items()}
    config = _in_float32(config) if in_float32 else config
    code = load_code(config, objects)
    return stored.load(code.config, custom_objects={**objects, **code.functions}, safe_mode=not trusted)


def _explain(stored: StoredModel, objects: Mapping[str, Any], error: Exception) -> str:
    """Why the model can't be loaded and what to do, in one sentence."""
    reason = read_reason(error)
    if stored.is_unreadable_version:
        old = f"{stored.path} was saved by Keras {stored.keras_version} in a form that Keras 3 does not read"
        return f"{old}: {advice_for_old(stored.path)}"
    unknown = find_missing(stored.config, objects)
    found = _UNKNOWN.search(reason)
    if not unknown and found is not None:
        name = found["function"]
        unknown = [OwnObject(name=name, registered=name, is_function=True, is_declared=False)]
    if any(own.name in _OLD_OPERATIONS for own in unknown):
        return (
            f"{stored.path} was saved by Keras {stored.keras_version} with functions of TensorFlow's between its "
            "layers, which Keras 3 does not read: build the model with Keras 3, load its weights, and save it with "
            "model.save('name.keras')"
        )
    if unknown:
        return _needs(stored.path, unknown)
    if layers_with_code(stored.config):
        reason = f"{reason}; the code that it stores may be of another version of Python, or use names of its author's"
    return (
        f"{stored.path} can't be loaded as a Keras model ({reason}): save it again with model.save('name.keras'), with "
        f"Keras {keras.__version__} and the classes that it is made of"
    )


def _needs(path: Path, unknown: Sequence[OwnObject]) -> str:
    titles = [own.title for own in unknown]
    needed = titles[0] if len(titles) == 1 else f"{', '.join(titles[:-1])} and {titles[-1]}"
    return (
        f"{path} needs {needed}, which a Keras file does not hold: name the Python file that defines "
        f"{'it' if len(titles) == 1 else 'them'} with --code FILE.py"
    )


def _without_training(part: Any) -> Any:
    """The configuration without how models inside were compiled: their losses are not needed."""
    if isinstance(part, list):
        return [_without_training(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    return {key: None if key == _TRAINING else _without_training(inner) for key, inner in part.items()}


def _half_policy(config: Any) -> str:
    """The first policy of half precision in a model's configuration; empty if there is none."""
    if isinstance(config, list):
        return next(filter(None, map(_half_policy, config)), "")
    if not isinstance(config, dict):
        return ""
    if config.get("class_name") in _POLICIES and config["config"]["name"] in _HALF_POLICIES:
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
    if config.get("class_name") in _POLICIES and config["config"]["name"] in _HALF_POLICIES:
        # Keras 3 does not read the policies of Keras 2.
        return "float32" if config["class_name"] == "Policy" else {**config, "config": {"name": "float32"}}
    return {
        key: "float32" if key == "dtype" and isinstance(part, str) and part in _HALF_POLICIES else _in_float32(part)
        for key, part in config.items()
    }


def _from_logits(config: Mapping[str, Any]) -> bool:
    loss = (config.get(_TRAINING) or {}).get("loss")
    return isinstance(loss, dict) and isinstance(loss.get("config"), dict) and loss["config"].get("from_logits") is True
