"""Which classes and functions a Keras file needs that are not Keras's own, and those of the user's that they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras

_KERAS = ("keras", "keras_hub", "keras_cv", "keras_nlp")
_ROOMS = (
    *(keras, keras.layers, keras.models, keras.activations, keras.initializers, keras.regularizers, keras.constraints),
    *(keras.losses, keras.metrics, keras.optimizers, keras.ops),
)
_ALSO_KERAS = ("Functional", "Policy", "TensorShape")


@dataclass(frozen=True, kw_only=True)
class OwnObject:
    """`name`: of the class or function; `registered`: under which Keras looks for it. `is_declared`: whether the file
    says that it is not Keras's own; else it is only not found there."""

    name: str
    registered: str
    is_function: bool
    is_declared: bool

    @property
    def title(self) -> str:
        return f"the {'function' if self.is_function else 'class'} {self.name}"


def find_own(config: Any) -> list[OwnObject]:
    """What the configuration names that Keras does not define, each once; of the training it says nothing."""
    return list(dict.fromkeys(_find(config)))


def match_objects(config: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """The given objects by all names under which the file may ask for them: the user's, and those registered with
    Keras when it was saved."""
    by_name = {getattr(one, "__name__", name): one for name, one in given.items()} | dict(given)
    for own in find_own(config):
        if not _is_known(own, by_name) and own.name in by_name:
            by_name[own.registered] = by_name[own.name]
    return by_name


def find_missing(config: Any, objects: Mapping[str, Any]) -> list[OwnObject]:
    """What the configuration names and neither Keras nor the objects define."""
    return [own for own in find_own(config) if not _is_known(own, objects)]


def _is_known(own: OwnObject, objects: Mapping[str, Any]) -> bool:
    return keras.saving.get_registered_object(own.registered, custom_objects=objects) is not None


def _find(part: Any) -> Iterator[OwnObject]:
    if isinstance(part, list):
        for inner in part:
            yield from _find(inner)
    if not isinstance(part, dict):
        return
    if isinstance(part.get("class_name"), str) and "config" in part and not _is_keras_own(part):
        is_function = part["class_name"] == "function"
        registered = str(part["config"] if is_function else part.get("registered_name") or part["class_name"])
        name = registered if is_function else str(part["class_name"])
        yield OwnObject(
            name=name.rpartition(">")[2], registered=registered, is_function=is_function, is_declared="module" in part
        )
    if "function_type" in part and isinstance(part.get("function"), str):
        # A Lambda layer of Keras 2.
        yield OwnObject(name=part["function"], registered=part["function"], is_function=True, is_declared=True)
    for key, inner in part.items():
        if key != "compile_config":
            yield from _find(inner)


def _is_keras_own(part: Mapping[str, Any]) -> bool:
    name, module = part["class_name"], part.get("module")
    if name.startswith("__") or str(module).partition(".")[0] in _KERAS:
        return True
    name = part["config"] if name == "function" else name
    # HDF5 files do not name the modules of layers, and no file those of Keras's own functions.
    is_undeclared = module == "builtins" if part["class_name"] == "function" else "module" not in part
    return is_undeclared and (name in _ALSO_KERAS or any(hasattr(room, str(name)) for room in _ROOMS))
