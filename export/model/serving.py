"""A Keras file → the one serving function that every format is written from, and the reference that all must match."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from export.arrays import Arrays
from export.artifact import ModelKind, TensorSpec
from export.errors import InputError
from export.model.keras_file import KerasFile, load_keras
from export.model.keras_messages import read_reason
from export.model.postprocessing import AnswerKind, Postprocessing, make_outputs, make_probabilities
from export.model.preprocessing import Preprocessing, ServingOptions, make_preprocessing

REFERENCE_BATCH = 250


@dataclass(frozen=True, kw_only=True, eq=False)
class ServingModel:
    """A Keras model as it will be served, between its preprocessing and its postprocessing.

    A classifier: uint8 `image` in, float32 `probabilities` out. Other models: their own inputs and outputs.
    `source_digest`: sha256 of the file that it was loaded from. `note`: what a user must know about its numbers.
    """

    model: keras.Model
    source_digest: str
    preprocessing: Preprocessing
    postprocessing: Postprocessing
    note: str = ""

    @property
    def kind(self) -> ModelKind:
        return ModelKind.OUTPUTS if self.postprocessing.answer_kind is None else ModelKind.CLASSIFIER

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return tuple(part.spec for part in self.preprocessing.parts)

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """Sorted by name, as TensorFlow sorts what the serving function answers."""
        return tuple(sorted(self.postprocessing.outputs, key=lambda spec: spec.name))

    @property
    def wrapped(self) -> bool:
        """Whether anything is computed before or behind the model."""
        return self.preprocessing.computes or self.postprocessing.answer_kind not in (None, AnswerKind.PROBABILITIES)

    @property
    def signature(self) -> list[tf.TensorSpec]:
        return [tf.TensorSpec(spec.shape, spec.dtype, name=spec.name) for spec in self.inputs]

    def serve(self, *tensors: Any) -> dict[str, Any]:
        """The serving function: tensors in the order of `inputs` → answers by name."""
        return self.postprocessing.name_outputs(_call(self.model, self.preprocessing, tensors))


def load_serving_model(
    path: Path, options: ServingOptions | None = None, *, examples: np.ndarray | Arrays | None = None
) -> ServingModel:
    """Load a `.keras` file and decide how it is served.

    `examples`: what it will be verified on, an array or one for each input by name; what the file leaves open is read
    from them. Raises InputError if the file is missing, is not a Keras model, or can't be served so.
    """
    options = options if options is not None else ServingOptions()
    file = load_keras(path, code=options.code, in_float32=options.wrap, examples=examples)
    preprocessing = make_preprocessing(file, options, examples)
    return ServingModel(
        model=file.model,
        source_digest=file.digest,
        preprocessing=preprocessing,
        postprocessing=_make_postprocessing(file, preprocessing, options, examples),
        note=f"computed in float32, trained with {file.half_precision}" if file.half_precision else "",
    )


def reference_function(serving: ServingModel) -> Callable[[Arrays], dict[str, np.ndarray]]:
    """Inputs by name, an array of (examples, …) for each, → what the Keras model answers, by the names of its outputs.

    Computed on the CPU: a GPU multiplies with fewer bits by default, which alone would exceed the tolerance. What it
    returns raises InputError for an output that has not one row for each example.
    """
    answer = tf.function(serving.serve, input_signature=serving.signature)

    def ask(inputs: Arrays) -> dict[str, np.ndarray]:
        arrays = [inputs[spec.name] for spec in serving.inputs]
        with tf.device("/CPU:0"):
            parts = [
                answer(*(tf.constant(array[at : at + REFERENCE_BATCH]) for array in arrays))
                for at in range(0, len(arrays[0]), REFERENCE_BATCH)
            ]
        answers = {spec.name: np.concatenate([part[spec.name].numpy() for part in parts]) for spec in serving.outputs}
        for name, rows in answers.items():
            if len(rows) != len(arrays[0]):
                raise InputError(
                    f"the model answers {len(arrays[0])} examples with {len(rows)} rows of {name} but must give one "
                    "for each: leave that output out of the exported model"
                )
        return answers

    return ask


def reference_answers(serving: ServingModel, inputs: Arrays) -> dict[str, np.ndarray]:
    """What the Keras model answers to the inputs, likewise."""
    return reference_function(serving)(inputs)


def _call(model: keras.Model, preprocessing: Preprocessing, tensors: Any) -> Any:
    """The model's own answer. `training=False` is said aloud: left out, random layers stay live in the graph."""
    return model(preprocessing.arguments(tensors), training=False)


def _trace(file: KerasFile, preprocessing: Preprocessing) -> Any:
    """A nest of symbolic tensors: what the model answers to a batch of any size."""
    signature = [tf.TensorSpec(part.spec.shape, part.spec.dtype) for part in preprocessing.parts]
    call = tf.function(lambda *tensors: _call(file.model, preprocessing, tensors), input_signature=signature)
    try:
        return call.get_concrete_function().structured_outputs
    # A model's own code may fail in any way on what it was not made for.
    except Exception as error:
        shapes = ", ".join(str(part.own.shape) for part in preprocessing.parts)
        names = ", ".join(part.own.name for part in preprocessing.parts)
        reason = read_reason(error)
        raise InputError(
            f"{file.path} does not answer {shapes} of {names} ({reason}): give the data that it was made for"
        ) from error


def _make_postprocessing(
    file: KerasFile, preprocessing: Preprocessing, options: ServingOptions, examples: np.ndarray | Arrays | None
) -> Postprocessing:
    answer = _trace(file, preprocessing)
    if not options.as_classifier:
        return make_outputs(file, answer, taken=[part.spec.name for part in preprocessing.parts])
    ask = None if examples is None else functools.partial(_ask, file.model, preprocessing, examples)
    return make_probabilities(file, answer, ask)


def _ask(
    model: keras.Model, preprocessing: Preprocessing, examples: np.ndarray | Mapping[str, np.ndarray]
) -> np.ndarray:
    """The only output's answers to the first of the examples."""
    tensors = [tf.constant(array[:REFERENCE_BATCH]) for array in preprocessing.prepare(examples).values()]
    with tf.device("/CPU:0"):
        answer: np.ndarray = np.asarray(keras.tree.flatten(_call(model, preprocessing, tensors))[0])
    return answer
