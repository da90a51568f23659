"""What is folded is gone from the graph and the answers stay; what can't be folded stays where it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from export.graph.folding import fold_graph
from export.graph.rewrites.replay import rebuild

pytestmark = pytest.mark.slow

layers = keras.layers
CLOSE = 2e-6
SHAPE = (8, 6, 3)
IMAGES = np.random.default_rng(0).normal(0, 1, (5, *SHAPE)).astype(np.float32)
ROWS = np.random.default_rng(1).normal(0, 1, (5, 7)).astype(np.float32)

Built = Callable[[Any], Any]


class Learned(layers.BatchNormalization):
    """A batch normalization with numbers as if it had been trained."""

    def __init__(self, low: float, high: float, signs: int) -> None:
        super().__init__()
        self._drawn = low, high, signs

    def build(self, shape: Any) -> None:
        super().build(shape)
        random, size = np.random.default_rng(3), self.gamma.shape
        low, high, signs = self._drawn
        self.gamma.assign(random.uniform(low, high, size) * np.where(np.arange(size[0]) % 2, signs, 1))
        self.beta.assign(random.normal(0, 1, size))
        self.moving_mean.assign(random.normal(0, 1, size))
        self.moving_variance.assign(random.uniform(0.2, 3.0, size))


def norm(*, factors: tuple[float, float] = (0.3, 2.0), negative: bool = False) -> keras.layers.Layer:
    """A trained batch normalization; `factors`: range of its gammas, of which `negative` makes every other one."""
    return Learned(*factors, -1 if negative else 1)


def traced(build: Built, shape: tuple[int, ...] = SHAPE) -> Any:
    """The concrete function of the Keras model that `build` makes of its input."""
    keras.utils.set_random_seed(0)
    image = keras.Input(shape)
    model = keras.Model(image, build(image))
    for variable in model.variables:
        if variable.path.endswith("bias"):
            variable.assign(np.random.default_rng(7).normal(0, 1, variable.shape))
    signature = [tf.TensorSpec((None, *shape), tf.float32, name="image")]
    return tf.function(
        lambda image: model(image, training=False), input_signature=signature, autograph=False
    ).get_concrete_function()


def operators(graph: Any, answers: Sequence[str]) -> Counter[str]:
    """How often the graph uses each operator on its way from the input to the answers."""
    nodes = {node.name: node for node in graph.node}
    needed, waiting = set(), [answer.partition(":")[0] for answer in answers]
    while waiting:
        name = waiting.pop()
        waiting += [] if name in needed else [read.partition(":")[0] for read in nodes[name].input if read[0] != "^"]
        needed.add(name)
    varying = {node.name for node in graph.node if node.op == "Placeholder"}
    for _ in graph.node:
        varying |= {name for name in needed if varying.intersection(r.partition(":")[0] for r in nodes[name].input)}
    found = Counter(nodes[name].op for name in needed & varying)
    return Counter({name: count for name, count in found.items() if name not in ("Identity", "Placeholder")})


def fold(function: Any, inputs: np.ndarray = IMAGES) -> Counter[str]:
    """The operators that are left after folding; both graphs give the same answers to the inputs."""
    frozen = convert_variables_to_constants_v2(function, lower_control_flow=False)
    graph = frozen.graph.as_graph_def()
    answers = [tensor.name for tensor in frozen.outputs]
    fold_graph(graph, answers)
    changed = rebuild(function, frozen, graph, {})
    pairs = zip(tf.nest.flatten(function(tf.constant(inputs))), tf.nest.flatten(changed(inputs)), strict=True)
    for expected, found in pairs:
        assert expected.shape == found.shape
        np.testing.assert_allclose(found, expected, rtol=CLOSE, atol=CLOSE * np.abs(expected).max())
    return operators(graph, answers)


def shift(use_bias: bool) -> str:
    """What adds a bias: the layer's own operator, or the normalization's."""
    return "BiasAdd" if use_bias else "AddV2"


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("negative", [True, False])
def test_a_normalization_behind_a_convolution_becomes_its_bias(use_bias: bool, negative: bool) -> None:
    left = fold(traced(lambda x: norm(negative=negative)(layers.Conv2D(4, 3, use_bias=use_bias)(x))))

    assert left == {"Conv2D": 1, shift(use_bias): 1}


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("negative", [True, False])
def test_a_normalization_behind_a_dense_layer_becomes_its_bias(use_bias: bool, negative: bool) -> None:
    function = traced(lambda x: norm(negative=negative)(layers.Dense(4, use_bias=use_bias)(x)), ROWS.shape[1:])

    assert fold(function, ROWS) == {"MatMul": 1, shift(use_bias): 1}


@pytest.mark.parametrize("multiplier", [1, 2])
@pytest.mark.parametrize("use_bias", [True, False])
def test_a_normalization_behind_a_depthwise_convolution_becomes_its_bias(multiplier: int, use_bias: bool) -> None:
    convolution = layers.DepthwiseConv2D(3, depth_multiplier=multiplier, use_bias=use_bias)

    left = fold(traced(lambda x: norm(negative=True)(convolution(x))))

    assert left == {"DepthwiseConv2dNative": 1, shift(use_bias): 1}


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("factors", [(0.3, 2.0), (0.0, 0.0)])
def test_a_normalization_behind_the_largest_of_a_convolution_becomes_its_bias(
    padding: str, use_bias: bool, factors: tuple[float, float]
) -> None:
    def build(x: Any) -> Any:
        x = layers.Conv2D(4, 3, use_bias=use_bias)(x)
        return layers.ReLU()(norm(factors=factors)(layers.MaxPooling2D(2, padding=padding)(x)))

    assert fold(traced(build)) == {"Conv2D": 1, "BiasAdd": 1, "MaxPool": 1, "Relu": 1}


def test_a_negative_factor_is_not_moved_before_the_largest() -> None:
    def build(x: Any) -> Any:
        return norm(negative=True)(layers.MaxPooling2D(2)(layers.Conv2D(4, 3)(x)))

    assert fold(traced(build)) == {"Conv2D": 1, "BiasAdd": 1, "MaxPool": 1, "Mul": 1, "AddV2": 1}


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("negative", [True, False])
def test_any_factor_is_moved_before_a_mean(padding: str, use_bias: bool, negative: bool) -> None:
    def build(x: Any) -> Any:
        x = layers.Conv2D(4, 2, use_bias=use_bias)(x)
        return norm(negative=negative)(layers.AveragePooling2D(3, padding=padding)(x))

    assert fold(traced(build)) == {"Conv2D": 1, "BiasAdd": 1, "AvgPool": 1}


def test_two_normalizations_become_one_bias() -> None:
    def build(x: Any) -> Any:
        return norm(negative=True)(norm(negative=True)(layers.Conv2D(4, 3)(x)))

    assert fold(traced(build)) == {"Conv2D": 1, "BiasAdd": 1}


def test_a_normalization_behind_an_activation_stays() -> None:
    left = fold(traced(lambda x: norm()(layers.Conv2D(4, 3, activation="relu")(x))))

    assert left == {"Conv2D": 1, "BiasAdd": 1, "Relu": 1, "Mul": 1, "AddV2": 1}


def test_a_factor_for_each_place_stays() -> None:
    factors = np.random.default_rng(1).normal(0, 1, (6, 4, 1)).astype(np.float32)

    left = fold(traced(lambda x: layers.Conv2D(4, 3)(x) * factors))

    assert left == {"Conv2D": 1, "BiasAdd": 1, "Mul": 1}


@pytest.mark.parametrize("filters", [4, 6])
def test_a_shift_for_each_place_stays_and_so_does_what_is_behind_it(filters: int) -> None:
    places = np.random.default_rng(1).normal(0, 1, (6, 1, 1)).astype(np.float32)

    shifted = layers.Lambda(lambda x: tf.add(x, places))
    left = fold(traced(lambda x: norm()(shifted(layers.Conv2D(filters, 3, use_bias=False)(x)))))

    assert left == {"Conv2D": 1, "AddV2": 2, "Mul": 1}


def test_a_bias_of_channels_first_stays_and_so_does_what_is_behind_it() -> None:
    # Only looked at: not every processor has kernels for it.
    rows = np.random.default_rng(1).normal(0, 1, 6).astype(np.float32)
    shifted = layers.Lambda(lambda x: tf.nn.bias_add(x, rows, data_format="NCHW"))
    function = traced(lambda x: norm()(shifted(layers.Conv2D(6, 3, use_bias=False)(x))))
    frozen = convert_variables_to_constants_v2(function, lower_control_flow=False)
    graph, answers = frozen.graph.as_graph_def(), [tensor.name for tensor in frozen.outputs]

    fold_graph(graph, answers)

    assert operators(graph, answers) == {"Conv2D": 1, "BiasAdd": 1, "AddV2": 1, "Mul": 1}


def test_a_constant_that_adds_a_dimension_stays() -> None:
    factors = np.random.default_rng(1).normal(0, 1, (1, 1, 4)).astype(np.float32)

    left = fold(traced(lambda x: layers.Dense(4)(x) * factors, ROWS.shape[1:]), ROWS)

    assert left == {"MatMul": 1, "BiasAdd": 1, "Mul": 1}


@pytest.mark.parametrize("factor", [1 / 255, -2.0])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    ("convolution", "operator"), [(layers.Conv2D, "Conv2D"), (layers.DepthwiseConv2D, "DepthwiseConv2dNative")]
)
def test_a_rescaling_before_a_convolution_goes_into_its_kernel(
    factor: float, padding: str, convolution: Callable[..., Any], operator: str
) -> None:
    sizes = {"filters": 4} if operator == "Conv2D" else {}

    left = fold(traced(lambda x: convolution(**sizes, kernel_size=3, padding=padding)(layers.Rescaling(factor)(x))))

    assert left == {operator: 1, "BiasAdd": 1}


def test_a_rescaling_with_an_offset_keeps_the_offset() -> None:
    left = fold(traced(lambda x: layers.Conv2D(4, 3, padding="same")(layers.Rescaling(1 / 127.5, offset=-1.0)(x))))

    assert left == {"Mul": 1, "AddV2": 1, "Conv2D": 1, "BiasAdd": 1}


def test_a_rescaling_that_two_convolutions_read_goes_into_both() -> None:
    def build(x: Any) -> Any:
        x = layers.Rescaling(1 / 255)(x)
        return [layers.Conv2D(4, 3)(x), layers.Conv2D(2, 1)(x)]

    assert fold(traced(build)) == {"Conv2D": 2, "BiasAdd": 2}


def test_a_rescaling_that_is_an_output_too_stays_there() -> None:
    def build(x: Any) -> Any:
        x = layers.Rescaling(1 / 255)(x)
        return [x, layers.Conv2D(4, 3)(x)]

    assert fold(traced(build)) == {"Mul": 1, "AddV2": 1, "Conv2D": 1, "BiasAdd": 1}


def test_the_list_in_which_a_loop_collects_its_steps_is_no_constant() -> None:
    def build(x: Any) -> Any:
        steps = layers.Lambda(lambda x: tf.scan(lambda sums, row: sums + row, tf.transpose(x, (1, 0, 2, 3))))(x)
        return norm()(layers.Conv2D(4, 3)(x)), steps

    assert fold(traced(build))["BiasAdd"] == 1


def test_what_is_read_twice_is_not_folded() -> None:
    def build(x: Any) -> Any:
        x = layers.Conv2D(4, 3)(x)
        return layers.Add()([layers.ReLU()(x), norm()(x)])

    assert fold(traced(build)) == {"Conv2D": 1, "BiasAdd": 1, "Relu": 1, "Mul": 1, "AddV2": 2}


def test_a_pooling_that_is_read_twice_is_not_folded() -> None:
    def build(x: Any) -> Any:
        x = layers.MaxPooling2D(2)(layers.Conv2D(4, 3)(x))
        return layers.Concatenate()([x, norm()(x)])

    assert fold(traced(build)) == {"Conv2D": 1, "BiasAdd": 1, "MaxPool": 1, "Mul": 1, "AddV2": 1, "ConcatV2": 1}


def test_what_is_an_output_itself_is_not_folded() -> None:
    def build(x: Any) -> Any:
        x = layers.Conv2D(4, 3)(x)
        return [x, norm()(x)]

    assert fold(traced(build)) == {"Conv2D": 1, "BiasAdd": 1, "Mul": 1, "AddV2": 1}


def test_a_factor_that_is_the_answer_by_its_own_name_stays() -> None:
    function = traced(lambda x: layers.Conv2D(4, 3)(x) * 2.0)
    frozen = convert_variables_to_constants_v2(function, lower_control_flow=False)
    graph = frozen.graph.as_graph_def()
    (factor,) = [node for node in graph.node if node.op == "Mul"]

    fold_graph(graph, [f"{factor.name}:0"])

    assert operators(graph, [factor.name]) == {"Conv2D": 1, "BiasAdd": 1, "Mul": 1}
    (answer,) = tf.compat.v1.wrap_function(
        lambda image: tf.graph_util.import_graph_def(
            graph, {frozen.inputs[0].op.name: image}, [f"{factor.name}:0"], name=""
        ),
        [tf.TensorSpec((None, *SHAPE))],
    )(tf.constant(IMAGES))
    np.testing.assert_allclose(answer, function(tf.constant(IMAGES)), rtol=CLOSE, atol=CLOSE)


def test_both_branches_are_folded_each_for_itself() -> None:
    def build(x: Any) -> Any:
        x = layers.ReLU()(x)
        first = norm()(layers.Conv2D(4, 3)(x))
        second = norm()(layers.MaxPooling2D(2, strides=1)(layers.Conv2D(4, 2)(x)))
        return layers.Add()([first, second])

    assert fold(traced(build)) == {"Relu": 1, "Conv2D": 2, "BiasAdd": 2, "MaxPool": 1, "AddV2": 1}


def test_a_layer_that_is_used_twice_gets_kernels_of_its_own_for_each_use() -> None:
    def build(x: Any) -> Any:
        convolution = layers.Conv2D(3, 3, padding="same")
        return norm(factors=(2.0, 3.0))(convolution(norm(factors=(0.2, 0.5))(convolution(x))))

    assert fold(traced(build)) == {"Conv2D": 2, "BiasAdd": 2}


def test_numbers_that_a_layer_draws_are_not_taken_for_constants() -> None:
    class Noise(layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs * tf.random.uniform((4,))

    function = traced(lambda x: Noise()(layers.Conv2D(4, 3)(x)))
    graph = convert_variables_to_constants_v2(function, lower_control_flow=False).graph.as_graph_def()

    fold_graph(graph, [tensor.name for tensor in function.outputs])

    assert "RandomUniform" in {node.op for node in graph.node}
    assert [node.op for node in graph.node].count("Mul") == 1


def test_a_graph_without_anything_to_fold_is_not_changed() -> None:
    frozen = convert_variables_to_constants_v2(traced(layers.ReLU()), lower_control_flow=False)
    graph = frozen.graph.as_graph_def()

    assert not fold_graph(graph, [tensor.name for tensor in frozen.outputs])
    assert graph == frozen.graph.as_graph_def()


@given(
    factors=st.lists(st.floats(-3, 3, width=32), min_size=4, max_size=4),
    variances=st.lists(st.floats(0.125, 50, width=32), min_size=4, max_size=4),
    pooling=st.sampled_from(["max", "mean", "none"]),
    use_bias=st.booleans(),
)
@settings(max_examples=12)
def test_whatever_a_normalization_learned_the_answers_stay(
    factors: list[float], variances: list[float], pooling: str, use_bias: bool
) -> None:
    poolings = {"max": layers.MaxPooling2D(2), "mean": layers.AveragePooling2D(2), "none": layers.Identity()}
    learned = layers.BatchNormalization()

    def build(x: Any) -> Any:
        x = learned(poolings[pooling](layers.Conv2D(4, 3, use_bias=use_bias)(x)))
        learned.gamma.assign(factors)
        learned.moving_variance.assign(variances)
        return x

    left = fold(traced(build))

    assert ("Mul" in left) == (pooling == "max" and min(factors) < 0)
