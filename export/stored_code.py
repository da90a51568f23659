"""Python code that a Keras file holds: Lambda layers, and lambdas in the place of activations and the like.

Keras stores their bytecode, without the modules that it uses by name, and does not load all that it stores. So they are
loaded here, with the names that such code uses by habit and those of the user's own modules, and stand in the
configuration as functions of a user do.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.utils.python_utils import func_load

_TRAINING = "compile_config"
_OLD_DETAILS = ("function_type", "module", "output_shape_type", "output_shape_module")
"""What Keras 2 says of a Lambda layer beside the code."""
_BY_HABIT: Mapping[str, Any] = {
    "K": keras.backend,
    "backend": keras.backend,
    "keras": keras,
    "layers": keras.layers,
    "np": np,
    "numpy": np,
    "ops": keras.ops,
    "tensorflow": tf,
    "tf": tf,
}


@dataclass(frozen=True, kw_only=True)
class NamedCode:
    """A configuration with names in the place of code, and the function that each name stands for."""

    config: Any
    functions: Mapping[str, Any]


def layers_with_code(config: Any) -> tuple[str, ...]:
    """Names of the layers that hold code, each once, in the order of the configuration."""
    return tuple(dict.fromkeys(_find(config, "")))


def load_code(config: Any, objects: Mapping[str, Any]) -> NamedCode:
    """Load all code that the configuration holds. What it holds can then be run: only for a file that is trusted.

    `objects`: the user's own classes and functions; the code may use whatever their modules define. Raises whatever
    Python does for code that it can't load, such as that of another version.
    """
    functions: dict[str, Any] = {}
    names = {"__builtins__": __builtins__, **_BY_HABIT, **_modules_of(objects)}

    def named(code: list[Any]) -> dict[str, Any]:
        name = f"stored_code_{len(functions)}"
        functions[name] = func_load(code, globs=names)
        return {"module": "builtins", "class_name": "function", "config": name, "registered_name": name}

    def replaced(part: Any) -> Any:
        code = _code_in(part)
        if code is not None:
            return named(code)
        if isinstance(part, list):
            return [replaced(inner) for inner in part]
        if not isinstance(part, dict):
            return part
        kept = {key: part[key] for key in part if not (_is_old_lambda(part) and key in _OLD_DETAILS)}
        if _is_old_lambda(part):
            kept |= {key: named(part[key]) for key in ("function", "output_shape") if _is_dump(part.get(key))}
        return {key: inner if key == _TRAINING else replaced(inner) for key, inner in kept.items()}

    return NamedCode(config=replaced(config), functions=functions)


def _find(part: Any, layer: str) -> Iterator[str]:
    if _code_in(part) is not None or _is_old_lambda(part):
        yield layer
        return
    if isinstance(part, dict):
        settings = part.get("config")
        inside = settings.get("name", layer) if "class_name" in part and isinstance(settings, dict) else layer
        for key, inner in part.items():
            if key != _TRAINING:
                yield from _find(inner, str(inside))
    elif isinstance(part, list):
        for inner in part:
            yield from _find(inner, layer)


def _code_in(part: Any) -> list[Any] | None:
    """(code, defaults, closure) if the part stands for code, in any form in which Keras 3 writes it."""
    if not isinstance(part, dict):
        return None
    inner = part.get("config") if part.get("class_name") == "__lambda__" else part
    if not isinstance(inner, dict):
        return None
    if set(inner) == {"code", "defaults", "closure"}:
        return [inner["code"], inner["defaults"], inner["closure"]]
    return list(inner["value"]) if set(inner) == {"value"} and _is_dump(inner["value"]) else None


def _is_dump(value: Any) -> bool:
    """Whether it is (code, defaults, closure)."""
    return isinstance(value, list) and len(value) == 3 and isinstance(value[0], str)


def _is_old_lambda(part: Any) -> bool:
    """Whether it is what Keras 2 writes of a Lambda layer that holds code."""
    return isinstance(part, dict) and "function_type" in part and _is_dump(part.get("function"))


def _modules_of(objects: Mapping[str, Any]) -> dict[str, Any]:
    """All that the modules define in which the objects are."""
    names = dict.fromkeys(str(getattr(one, "__module__", "")) for one in objects.values())
    found: dict[str, Any] = {}
    for name in names:
        found |= vars(sys.modules[name]) if name in sys.modules else {}
    return found
