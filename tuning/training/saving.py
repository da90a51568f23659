"""A trained model on disk: a `.keras` file, or the weights alone where no file of it loads again."""

from __future__ import annotations

import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tuning.data.array_feeding import scale_pixels
from tuning.data.dataset import Split
from tuning.errors import InputError
from tuning.failures import describe_failure
from tuning.runs.run_folder import RunFolder
from tuning.settings import TrainingPlan
from tuning.training.builder import ModelBuilder

SAME = 1e-4


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What of a model can be kept. `why_weights_only`, in one line, is empty where a `.keras` file has all of it."""

    why_weights_only: str = ""


def what_can_be_kept(builder: ModelBuilder, plan: TrainingPlan, model: keras.Model, few: Split) -> Kept:
    """See whether the model comes back with the same answers to a few examples.

    From a `.keras` file, or where a layer has no `get_config` that makes it again, from its weights and the code that
    builds it: Keras Tuner keeps no more. Raises InputError if it does neither way.
    """
    images = scale_pixels(few, builder.feed_of(model))
    before = keras.tree.flatten(model(images, training=False))

    def is_same(loaded: keras.Model) -> bool:
        after = keras.tree.flatten(loaded(images, training=False))
        pairs = zip(before, after, strict=True)
        return all(np.allclose(one, other, rtol=SAME, atol=SAME, equal_nan=True) for one, other in pairs)

    # What Keras warns of shows in the answers, if it matters.
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(action="ignore"):
        path, weights = Path(folder) / "model.keras", Path(folder) / "model.weights.h5"
        try:
            model.save(path)
            if is_same(load_keras_file(path, builder.custom_objects_of(model))):
                return Kept()
            why = "it answers differently after it was loaded"
        # A layer without get_config, an unregistered class and a Lambda each fail in a way of their own.
        except Exception as error:  # noqa: BLE001
            why = describe_failure(error)
        model.save_weights(weights)
        if is_same(_with_weights(builder.build_model(plan).model, weights)):
            return Kept(why_weights_only=why)
    raise InputError(
        f"the model of {builder.name} is another one after it was saved and loaded ({why}), and after it was built "
        "again with the same weights: let its own layers keep everything in weights and get_config"
    )


def load_keras_file(path: Path, custom_objects: dict[str, Any]) -> keras.Model:
    """A model without its training, whose own classes and functions are these; a Lambda's code in it may run."""
    with warnings.catch_warnings():
        # Of a layer that builds its parts when it is called; whether its weights are there was seen when it was saved.
        warnings.filterwarnings("ignore", message=r"`build\(\)` was called on layer")
        return keras.models.load_model(path, custom_objects=custom_objects, safe_mode=False, compile=False)


def save_model(model: keras.Model, folder: RunFolder, kept: Kept) -> Path:
    """Write what can be kept, all at once; the file. Raises OSError."""
    path, other = folder.model, folder.model_weights
    if kept.why_weights_only:
        path, other = other, path
    temporary = path.with_name(f".part-{path.name}")
    try:
        if kept.why_weights_only:
            model.save_weights(temporary)
        else:
            model.save(temporary)
        temporary.replace(path)
        other.unlink(missing_ok=True)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def load_weights(model: keras.Model, folder: RunFolder) -> keras.Model:
    """The model, built by the same code, with the weights that were written to the folder."""
    return _with_weights(model, folder.written_model)


def _with_weights(model: keras.Model, path: Path) -> keras.Model:
    with warnings.catch_warnings():
        # Nothing is trained on: what the optimizer had stays in the file.
        warnings.filterwarnings("ignore", message="Skipping variable loading for optimizer")
        model.load_weights(path)
    return model
