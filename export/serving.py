"""A Keras file → the one serving function that every format is written from, and the reference that all must match."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from export.artifact import INPUT_NAME, OUTPUT_NAME, TensorSpec, digest_file
from export.errors import InputError
from export.parity import Probabilities

REFERENCE_BATCH = 250


@dataclass(frozen=True, kw_only=True, eq=False)
class ServingModel:
    """A Keras model as it will be served: uint8 `image` in, float32 `probabilities` out.

    `source_digest`: sha256 of the file that it was loaded from.
    """

    model: keras.Model
    source_digest: str
    input: TensorSpec
    output: TensorSpec

    @property
    def signature(self) -> list[tf.TensorSpec]:
        return [tf.TensorSpec(self.input.shape, self.input.dtype, name=self.input.name)]

    def serve(self, image: Any) -> dict[str, Any]:
        """The serving function. `training=False` is said aloud: left out, random layers stay live in the graph."""
        return {OUTPUT_NAME: self.model(image, training=False)}


def load_serving_model(path: Path) -> ServingModel:
    """Load a `.keras` file and check that it keeps the tensor contract.

    Raises InputError if the file is missing or not a Keras model, has several inputs or outputs, takes anything but
    uint8 images of shape (batch, height, width, channels), or gives anything but (batch, classes).
    """
    model, digest = load_keras(path)
    if not model.built or not hasattr(model, "inputs"):
        raise InputError(f"{path} was never built and so has no input shape: call the model once before saving it")
    if len(model.inputs) != 1 or not isinstance(model.output, keras.KerasTensor):
        raise InputError(
            f"{path} has {len(model.inputs)} inputs and {len(model.outputs)} outputs but must have one input and one "
            "output, each a plain tensor"
        )
    image, answer = model.inputs[0], model.output
    if image.dtype != "uint8" or len(image.shape) != 4 or None in image.shape[1:]:
        raise InputError(
            f"{path} takes {image.dtype} {tuple(image.shape)} but must take uint8 (batch, height, width, channels): "
            "put a Rescaling(1/255) layer behind a uint8 input"
        )
    if image.shape[0] is not None:
        raise InputError(
            f"{path} takes batches of {image.shape[0]} only but must take any batch: leave the batch size of "
            "its input out"
        )
    if len(answer.shape) != 2 or answer.dtype != "float32":
        raise InputError(
            f"{path} gives {answer.dtype} {tuple(answer.shape)} but must give float32 (batch, classes) probabilities"
        )
    if answer.shape[1] < 2:
        raise InputError(
            f"{path} tells {answer.shape[1]} class apart but must have 2 or more: give it one output a class"
        )
    return ServingModel(
        model=model,
        source_digest=digest,
        input=TensorSpec(name=INPUT_NAME, dtype="uint8", shape=tuple(image.shape)),
        output=TensorSpec(name=OUTPUT_NAME, dtype="float32", shape=tuple(answer.shape)),
    )


def load_keras(path: Path) -> tuple[keras.Model, str]:
    """The model in a `.keras` file, and the file's sha256. Raises InputError if there is none."""
    if not path.is_file():
        raise InputError(f"there is no file {path}: give a model saved with model.save('name.keras')")
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise InputError(f"{path} is not a .keras file: save the model with model.save('name.keras')")
    digest = digest_file(path)
    try:
        model = keras.models.load_model(path, compile=False)
    # A zip file that is no model, or one with layers of the user's own, fails in Keras with many kinds of exception.
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path} can't be loaded as a Keras model ({reason}): save it again") from error
    if digest_file(path) != digest:
        raise InputError(f"{path} was written while it was being read: export it again")
    return model, digest


def reference_answers(serving: ServingModel, images: np.ndarray) -> Probabilities:
    """What the Keras model answers, float32 (examples, classes), computed on the CPU.

    A GPU multiplies with fewer bits by default, which alone would exceed the tolerance.
    """
    answer = tf.function(serving.serve, input_signature=serving.signature)
    with tf.device("/CPU:0"):
        batches = range(0, len(images), REFERENCE_BATCH)
        parts = [answer(tf.constant(images[at : at + REFERENCE_BATCH]))[OUTPUT_NAME].numpy() for at in batches]
    return np.concatenate(parts)
