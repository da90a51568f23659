"""The classes and functions of a user's own that a model is made of: what Keras has to know to load it again."""

from __future__ import annotations

from collections.abc import Iterator
from types import FunctionType
from typing import Any

import keras

_PARTS = (
    keras.layers.Layer,
    keras.initializers.Initializer,
    keras.regularizers.Regularizer,
    keras.constraints.Constraint,
)


def custom_objects_of(model: keras.Model) -> dict[str, Any]:
    """Name → class or function, of all layers and of what they hold, wherever it was defined; but for Keras's own.

    `Sequential` and functional models are walked through, layers within layers too. A class that was registered with
    Keras has its registered name as well.
    """
    found: dict[str, Any] = {}
    for part in _parts_of(model):
        kind = part if isinstance(part, FunctionType) else type(part)
        if kind.__module__.partition(".")[0] in ("keras", "tensorflow", "builtins"):
            continue
        found[kind.__name__] = kind
        registered = keras.saving.get_registered_name(kind)
        found.setdefault(registered, kind)
    return found


def _parts_of(model: keras.Model) -> Iterator[Any]:
    for layer in model._flatten_layers(include_self=True, recursive=True):
        yield layer
        for value in vars(layer).values():
            held = value if isinstance(value, list | tuple) else [value]
            yield from (each for each in held if isinstance(each, (*_PARTS, FunctionType)))
