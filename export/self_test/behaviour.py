"""Layers and answers that behave otherwise than the model's: training mode, another epsilon, mixed-up classes.

Each takes a model that nothing else needs and may change it; None where it has no layer for the fault.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from export.model.inspection import last_activation
from export.model.postprocessing import AnswerKind, Postprocessing
from export.model.serving import ServingModel

EPSILONS = (1e-3, 1e-5)
"""What batch normalization adds to the variance by default, in Keras and in PyTorch."""


@dataclass(frozen=True, kw_only=True)
class SwappedPostprocessing(Postprocessing):
    """A back whose first output gives its first two values in each other's place."""

    def name_outputs(self, answer: Any) -> dict[str, Any]:
        answers = super().name_outputs(answer)
        name = self.outputs[0].name
        first, second = answers[name][..., :1], answers[name][..., 1:2]
        return {**answers, name: tf.concat([second, first, answers[name][..., 2:]], axis=-1)}


def swap_classes(serving: ServingModel) -> ServingModel | None:
    """The first two classes in each other's place."""
    size = serving.postprocessing.outputs[0].shape[-1]
    if len(serving.postprocessing.outputs[0].shape) < 2 or size is None or size < 2:
        return None
    return dataclasses.replace(
        serving,
        postprocessing=SwappedPostprocessing(
            outputs=serving.postprocessing.outputs, answer_kind=serving.postprocessing.answer_kind
        ),
    )


def leave_softmax_out(serving: ServingModel) -> ServingModel | None:
    """Logits where probabilities are meant."""
    if serving.postprocessing.answer_kind is AnswerKind.LOGITS:
        return dataclasses.replace(
            serving, postprocessing=dataclasses.replace(serving.postprocessing, answer_kind=AnswerKind.PROBABILITIES)
        )
    last = last_activation(serving.model)
    if last.name != "softmax" or last.layer is None:
        return None
    last.layer.activation = keras.activations.linear
    return serving


def rename_output(serving: ServingModel) -> ServingModel:
    """An output of another name."""
    first, *others = serving.postprocessing.outputs
    renamed = (dataclasses.replace(first, name=f"{first.name}_1"), *others)
    return dataclasses.replace(serving, postprocessing=dataclasses.replace(serving.postprocessing, outputs=renamed))


def normalize_as_in_training(serving: ServingModel) -> ServingModel | None:
    """Batch normalizations that use the statistics of the batch."""
    return _in_training(serving, keras.layers.BatchNormalization)


def drop_as_in_training(serving: ServingModel) -> ServingModel | None:
    """Dropout that drops at random."""
    return _in_training(serving, keras.layers.Dropout)


def change_epsilon(serving: ServingModel) -> ServingModel | None:
    """The other common epsilon in every batch normalization."""
    layers = _layers(serving, keras.layers.BatchNormalization)
    for layer in layers:
        layer.epsilon = max(EPSILONS, key=lambda epsilon: abs(epsilon - layer.epsilon))
    return serving if layers else None


def pad_on_one_side(serving: ServingModel) -> ServingModel | None:
    """All of a convolution's padding before the picture instead of around it."""
    for layer in _layers(serving, keras.layers.Conv2D):
        if layer.padding == "same" and layer.data_format == "channels_last" and max(layer.kernel_size) > 1:
            layer.call = _call_padded(layer, layer.call)
            return serving
    return None


def _call_padded(layer: Any, convolve: Any) -> Any:
    layer.padding = "valid"

    def call(inputs: Any) -> Any:
        before = []
        for size, kernel, stride, dilation in zip(
            inputs.shape[1:3], layer.kernel_size, layer.strides, layer.dilation_rate, strict=True
        ):
            covered = (-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1
            before.append([max(covered - size, 0), 0])
        return convolve(tf.pad(inputs, [[0, 0], *before, [0, 0]]))

    return call


def _in_training(serving: ServingModel, kind: type[Any]) -> ServingModel | None:
    layers = _layers(serving, kind)
    for layer in layers:
        layer.call = _call_in_training(layer.call)
    return serving if layers else None


def _call_in_training(call: Any) -> Any:
    def call_in_training(*inputs: Any, training: bool | None = None, **others: Any) -> Any:
        return call(*inputs, training=True, **others)

    return call_in_training


def _layers(serving: ServingModel, kind: type[Any]) -> list[Any]:
    return [layer for layer in serving.model._flatten_layers() if isinstance(layer, kind)]
