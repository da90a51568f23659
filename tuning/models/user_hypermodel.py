"""Whatever a user names as a model, as a `kt.HyperModel`."""

from __future__ import annotations

from typing import Any

import keras
import keras_tuner as kt

from tuning.errors import InputError


def hypermodel_of(code: Any, name: str) -> kt.HyperModel:
    """`code`: a function `build(hp)`, a `kt.HyperModel` or a class of such; `name` is how messages call it.

    Raises InputError for anything else.
    """
    if isinstance(code, type) and issubclass(code, kt.HyperModel):
        try:
            code = code()
        except TypeError as error:
            raise InputError(f"{name} can't be made without arguments ({error}): name an instance of it") from error
    if isinstance(code, kt.HyperModel):
        return code
    if isinstance(code, keras.Model | type) or not callable(code):
        raise InputError(
            f"{name} is a {type(code).__name__} but must be a function build(hp) or a keras_tuner.HyperModel"
        )
    return _Function(code, name)


class _Function(kt.HyperModel):
    """A `build(hp)` function as a HyperModel."""

    def __init__(self, build: Any, name: str) -> None:
        self._function = build
        super().__init__(name=name)

    def build(self, hp: kt.HyperParameters) -> Any:
        return self._function(hp)
