"""A file that holds a model's weights alone → the model that its owner's code builds, with these weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from export.errors import InputError
from export.files.bounded_hdf5 import check_weights
from export.model.inspection import seen_dtype
from export.model.keras_messages import read_reason
from export.model.own_code import OwnCode

_SUFFIX = ".weights.h5"


@dataclass(frozen=True, kw_only=True, eq=False)
class Rebuilt:
    """`from_logits`: whether it is compiled with a loss of logits."""

    model: keras.Model
    from_logits: bool


def builder_for(path: Path, code: OwnCode) -> Callable[[], keras.Model] | None:
    """What builds the model of this file, if the file holds weights alone and the code is there."""
    return code.rebuild if path.name.endswith(_SUFFIX) else None


def load_rebuilt(
    path: Path, rebuild: Callable[[], keras.Model], *, examples: np.ndarray | Mapping[str, np.ndarray] | None
) -> Rebuilt:
    """Build the model and give it the weights of the file.

    `examples`: what it will be asked; a model that names no inputs gets its weights by their shapes. Raises InputError
    if they are not its weights.
    """
    check_weights(path)
    model = rebuild()
    try:
        if not model.built and examples is not None:
            model(keras.tree.map_structure(_any_batch, examples))
        with warnings.catch_warnings():
            # Nothing is trained on: what the optimizer had stays in the file.
            warnings.filterwarnings("ignore", message="Skipping variable loading for optimizer")
            model.load_weights(path)
    # A user's own layers may raise anything while they are built, and Keras much for what does not fit.
    except Exception as error:
        raise InputError(
            f"{path} holds no weights that fit the model which its code builds ({read_reason(error)}): restore the "
            "code, or train the model again"
        ) from error
    return Rebuilt(model=model, from_logits=bool(_setting(model.loss, "from_logits")) if model.compiled else False)


def compute_in_float32(model: keras.Model, policies: tuple[str, ...]) -> str:
    """Let every layer of these policies compute in float32; the name of one that there was, else an empty string."""
    found = ""
    for layer in model._flatten_layers(include_self=True, recursive=True):
        if layer.dtype_policy.name in policies:
            found = layer.dtype_policy.name
            layer.dtype_policy = "float32"
    return found


def _any_batch(examples: np.ndarray) -> keras.KerasTensor:
    return keras.KerasTensor((None, *examples.shape[1:]), dtype=seen_dtype(examples))


def _setting(loss: object, name: str) -> object:
    return loss.get_config().get(name) if isinstance(loss, keras.losses.Loss) else None
