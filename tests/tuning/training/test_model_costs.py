"""Multiply-accumulates as counted by hand, whatever the layer becomes in TensorFlow's graph."""

from __future__ import annotations

import gc

import keras
import numpy as np
import psutil
import pytest
from keras import layers

from tuning.training.model_costs import count_macs

RECURRENT_STEPS, FEATURES, UNITS = 10, 8, 5

BY_HAND = {
    "dense": ((7,), layers.Dense(5), 7 * 5),
    "dense on every position": ((4, 7), layers.Dense(5), 4 * 7 * 5),
    "convolution": ((8, 9, 3), layers.Conv2D(4, 3), 6 * 7 * 9 * 3 * 4),
    "strides and padding": ((8, 9, 3), layers.Conv2D(4, 3, strides=2, padding="same"), 4 * 5 * 9 * 3 * 4),
    "groups": ((8, 8, 4), layers.Conv2D(6, 3, groups=2), 36 * 9 * 2 * 6),
    "dilation": ((9, 9, 2), layers.Conv2D(3, 3, dilation_rate=2), 25 * 9 * 2 * 3),
    "dilation in one dimension": ((9, 2), layers.Conv1D(3, 3, dilation_rate=2), 5 * 3 * 2 * 3),
    "depthwise": ((8, 8, 3), layers.DepthwiseConv2D(3, depth_multiplier=2), 36 * 9 * 6),
    "separable": ((8, 8, 3), layers.SeparableConv2D(4, 3), 36 * (9 * 3 + 3 * 4)),
    "one dimension": ((10, 3), layers.Conv1D(4, 3), 8 * 3 * 3 * 4),
    "three dimensions": ((5, 6, 7, 2), layers.Conv3D(4, 3), 3 * 4 * 5 * 27 * 2 * 4),
    "transposed": ((4, 4, 3), layers.Conv2DTranspose(5, 3, strides=2), 16 * 3 * 9 * 5),
    "transposed, three dimensions": ((2, 2, 2, 3), layers.Conv3DTranspose(5, 3), 8 * 3 * 27 * 5),
    "einsum": ((10, 8), layers.EinsumDense("abc,cd->abd", output_shape=(None, 6)), 10 * 8 * 6),
    "lstm": ((RECURRENT_STEPS, FEATURES), layers.LSTM(UNITS), RECURRENT_STEPS * 4 * UNITS * (FEATURES + UNITS)),
    "gru": ((RECURRENT_STEPS, FEATURES), layers.GRU(UNITS), RECURRENT_STEPS * 3 * UNITS * (FEATURES + UNITS)),
    "bidirectional": ((10, 8), layers.Bidirectional(layers.SimpleRNN(4)), 2 * 10 * 4 * (8 + 4)),
    "at every time": ((6, 5, 5, 1), layers.TimeDistributed(layers.Conv2D(2, 3)), 6 * 9 * 9 * 2),
    "nothing to multiply": ((3,), layers.ReLU(), 0),
}


@pytest.mark.parametrize("case", BY_HAND)
def test_a_layer_costs_what_it_does_by_hand(case: str) -> None:
    shape, layer, expected = BY_HAND[case]

    assert count_macs(keras.Sequential([keras.Input(shape), layer])) == expected


@pytest.mark.parametrize("nest", [list, dict])
def test_several_inputs_and_integer_ones_are_taken(nest: type) -> None:
    words, numbers = keras.Input((10,), dtype="int32", name="words"), keras.Input((3,), name="numbers")
    embedded = layers.Embedding(20, 8)(words)
    attended = layers.Flatten()(layers.MultiHeadAttention(2, 4)(embedded, embedded))
    output = layers.Dense(2)(layers.Concatenate()([attended, numbers]))
    inputs = {"words": words, "numbers": numbers} if nest is dict else [words, numbers]

    projections, attention = 4 * 10 * 8 * 8, 2 * 2 * 10 * 10 * 4
    assert count_macs(keras.Model(inputs, output)) == projections + attention + (80 + 3) * 2


def test_dropout_and_normalization_are_those_of_inference() -> None:
    model = keras.Sequential([keras.Input((8,)), layers.Dense(4), layers.BatchNormalization(), layers.Dropout(0.5)])

    assert count_macs(model) == 32


@pytest.mark.parametrize("layer", [layers.Conv2D(4, 3), layers.TimeDistributed(layers.Dense(3))])
def test_an_input_of_any_size_is_not_counted(layer: keras.Layer) -> None:
    assert count_macs(keras.Sequential([keras.Input((None, None, 3)), layer])) is None


def test_a_sequence_of_any_length_is_not_counted() -> None:
    assert count_macs(keras.Sequential([keras.Input((None, 3)), layers.LSTM(4)])) is None


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, inputs):  # type: ignore[no-untyped-def]
        return self.dense(inputs)


def test_a_subclassed_model_is_counted_on_examples() -> None:
    model, examples = Subclassed(), np.zeros((2, 5), np.float32)
    model(examples)

    assert count_macs(model) is None
    assert count_macs(model, examples=examples) == 15


class Pairs(layers.Layer):
    def call(self, inputs):  # type: ignore[no-untyped-def]
        if inputs.shape[0] == 1:
            raise TypeError("one is no pair")
        return inputs


def test_a_model_that_fails_on_a_batch_of_one_is_not_counted() -> None:
    assert count_macs(keras.Sequential([keras.Input((4,)), layers.Dense(2), Pairs()])) is None


class Choosing(layers.Layer):
    def build(self, shape) -> None:  # type: ignore[no-untyped-def]
        self.small = self.add_weight(shape=(4, 1))
        self.large = self.add_weight(shape=(4, 100))

    def call(self, inputs):  # type: ignore[no-untyped-def]
        few, many = lambda: inputs @ self.small, lambda: keras.ops.sum(inputs @ self.large, -1, keepdims=True)
        return keras.ops.cond(keras.ops.sum(inputs) > 0, few, many)


def test_of_branches_the_most_expensive_counts() -> None:
    assert count_macs(keras.Sequential([keras.Input((4,)), Choosing()])) == 400


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    model = keras.Sequential([keras.Input((6, 6, 1)), layers.Conv2D(2, 3)])
    capfd.readouterr()

    count_macs(model)

    assert capfd.readouterr() == ("", "")


def test_a_layers_own_wish_for_a_fused_recurrence_is_left_as_it_was() -> None:
    layer = layers.LSTM(2, use_cudnn=True)
    model = keras.Sequential([keras.Input((3, 2)), layers.Bidirectional(layers.GRU(2)), layers.RepeatVector(2), layer])

    count_macs(model)

    assert layer.use_cudnn is True


@pytest.mark.slow
def test_counting_again_and_again_keeps_no_memory() -> None:
    model = keras.Sequential([keras.Input((16, 16, 1)), layers.Conv2D(8, 3), layers.Flatten(), layers.Dense(10)])
    for _ in range(20):
        count_macs(model)
    gc.collect()
    before = psutil.Process().memory_info().rss

    for _ in range(50):
        count_macs(model)
    gc.collect()

    assert psutil.Process().memory_info().rss - before < 5_000_000


@pytest.mark.slow
def test_counting_does_not_change_what_a_training_ends_with() -> None:
    def trained(*, counted: bool) -> list[np.ndarray]:
        keras.utils.clear_session()
        keras.utils.set_random_seed(3)
        model = keras.Sequential([keras.Input((4,)), layers.Dense(8), layers.Dropout(0.5), layers.Dense(1)])
        model.compile("sgd", "mse")
        if counted:
            count_macs(model)
        model.fit(np.ones((32, 4), np.float32), np.ones((32, 1), np.float32), epochs=2, verbose=0)
        return list(model.get_weights())

    for plain, counted in zip(trained(counted=False), trained(counted=True), strict=True):
        np.testing.assert_array_equal(plain, counted)
