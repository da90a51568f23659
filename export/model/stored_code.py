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
_OLD_CODE = ("function", "output_shape")
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
    """A configuration with names in the place of code, and the function that each name refers to."""

    config: Any
    functions: Mapping[str, Any]


def layers_with_code(config: Any) -> tuple[str, ...]:
    """Names of the layers that hold code, each once, in the order of the configuration."""
    return tuple(dict.fromkeys(_find(config, "")))


def load_code(config: Any, objects: Mapping[str, Any]) -> NamedCode:
    """Load all code that the configuration holds, which can then be run: if there is any, only of a trusted file.

    Lambda layers of Keras 2 get the form of Keras 3. `objects`: the user's own classes and functions; the code may use
    whatever their modules define. Raises whatever Python does for code that it can't load, such as that of another
    version.
    """
    functions: dict[str, Any] = {}
    names = {"__builtins__": __builtins__, **_BY_HABIT, **_modules_of(objects)}

    def named(code: list[Any]) -> dict[str, Any]:
        name = f"stored_code_{len(functions)}"
        functions[name] = func_load(code, globs=names)
        return _reference(name)

    def replaced(part: Any) -> Any:
        code = _code_in(part)
        if code is not None:
            return named(code)
        if isinstance(part, list):
            return [replaced(inner) for inner in part]
        if not isinstance(part, dict):
            return part
        kept = dict(part)
        if "function_type" in part:
            kept = {key: inner for key, inner in part.items() if key not in _OLD_DETAILS}
            kept |= {key: _reference(kept[key]) for key in _OLD_CODE if isinstance(kept.get(key), str)}
            kept |= {key: named(code) for key, code in _old_code_in(part).items()}
        return {key: inner if key == _TRAINING else replaced(inner) for key, inner in kept.items()}

    return NamedCode(config=replaced(config), functions=functions)


def _reference(name: str) -> dict[str, Any]:
    """How a configuration names a function of a user's."""
    return {"module": "builtins", "class_name": "function", "config": name, "registered_name": name}


def _find(part: Any, layer: str) -> Iterator[str]:
    if _code_in(part) is not None or _old_code_in(part):
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
    """(code, defaults, closure) if the part represents code, in any form in which Keras 3 writes it."""
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


def _old_code_in(part: Any) -> dict[str, list[Any]]:
    """Setting → code, of what Keras 2 writes of a Lambda layer."""
    if not isinstance(part, dict) or "function_type" not in part:
        return {}
    return {key: part[key] for key in _OLD_CODE if _is_dump(part.get(key))}


def _modules_of(objects: Mapping[str, Any]) -> dict[str, Any]:
    """All that the modules define in which the objects are."""
    names = dict.fromkeys(str(getattr(one, "__module__", "")) for one in objects.values())
    found: dict[str, Any] = {}
    for name in names:
        found |= vars(sys.modules[name]) if name in sys.modules else {}
    return found
