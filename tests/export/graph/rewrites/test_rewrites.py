"""A rewrite removes an operator from the graph and keeps the answers; where it does not fit, it keeps the operator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from export.artifact import Format
from export.formats.format import load_part
from export.graph.rewrites.replay import operators
from export.graph.rewriting import rewrite
from export.graph.tracing import trace, unroll
from export.model.serving import load_serving_model

pytestmark = pytest.mark.slow
CLOSE = 1e-6
IMAGES = np.random.default_rng(0).normal(0, 1, (3, 6, 8, 2)).astype(np.float32)
VOLUMES = np.random.default_rng(1).normal(0, 1, (3, 5, 6, 7, 2)).astype(np.float32)
LEVELS = np.random.default_rng(2).integers(0, 4, (3, 9)).astype(np.int32)
SIGNED = np.array(
    [[[0.0, -0.0], [-0.0, 0.0], [1.0, -2.0]], [[-1e-45, 0.0], [np.inf, 3.0], [-3.0, -np.inf]]], np.float32
)
BYTES = np.random.default_rng(5).integers(-128, 128, (2, 3, 2100)).astype(np.int8)
KERNEL = np.random.default_rng(3).normal(0, 0.3, (3, 3, 4, 2)).astype(np.float32)
VOLUME_KERNEL = np.random.default_rng(4).normal(0, 0.3, (2, 2, 2, 1, 4)).astype(np.float32)

OPERATORS: dict[tuple[str, str], tuple[np.ndarray, Callable[[Any], Any]]] = {
    ("ResizeArea", "tflite"): (IMAGES, lambda x: tf.image.resize(x, (4, 5), "area")),
    ("ResizeBicubic", "tflite"): (IMAGES, lambda x: tf.image.resize(x, (9, 5), "bicubic")),
    ("ScaleAndTranslate", "onnx"): (IMAGES, lambda x: tf.image.resize(x, (4, 5), "lanczos5", antialias=True)),
    ("MaxPool3D", "tflite"): (VOLUMES, lambda x: tf.nn.max_pool3d(x, (2, 3, 2), (2, 1, 3), "SAME")),
    ("AvgPool3D", "tflite"): (VOLUMES, lambda x: tf.nn.avg_pool3d(x, (3, 3, 2), (2, 1, 3), "SAME")),
    ("DenseBincount", "tflite"): (LEVELS, lambda x: tf.math.bincount(x, minlength=4, maxlength=4, axis=-1)),
    ("Bucketize", "onnx"): (IMAGES, lambda x: tf.raw_ops.Bucketize(input=x, boundaries=[-1.0, 0.0, 0.5])),
    ("Erfc", "onnx"): (IMAGES, tf.math.erfc),
    ("Expm1", "onnx"): (IMAGES, tf.math.expm1),
    ("Log1p", "onnx"): (IMAGES, lambda x: tf.math.log1p(x * x)),
    ("Acos", "tflite"): (IMAGES, lambda x: tf.acos(tf.tanh(x))),
    ("Acosh", "tflite"): (IMAGES, lambda x: tf.acosh(1 + x * x)),
    ("Asin", "tflite"): (IMAGES, lambda x: tf.asin(tf.tanh(x))),
    ("Asinh", "tflite"): (IMAGES, lambda x: tf.asinh(3 * x)),
    ("Atan", "tflite"): (IMAGES, tf.atan),
    ("Atanh", "tflite"): (IMAGES, lambda x: tf.atanh(0.9 * tf.tanh(x))),
    ("Cosh", "tflite"): (IMAGES, lambda x: tf.cosh(tf.tanh(x))),
    ("Erf", "tflite"): (IMAGES, lambda x: tf.math.erf(2 * x)),
    ("Sinh", "tflite"): (IMAGES, lambda x: tf.sinh(tf.tanh(x))),
    ("Tan", "tflite"): (IMAGES, lambda x: tf.tan(tf.tanh(x))),
    ("Roll", "tflite"): (IMAGES, lambda x: tf.roll(x, (2, -3, 5), (1, 2, 1))),
    ("MatrixDiagPartV3", "tflite"): (IMAGES, lambda x: tf.linalg.diag_part(tf.transpose(x, (0, 3, 1, 2)))),
    ("XlaDynamicUpdateSlice", "onnx"): (IMAGES, lambda x: keras.ops.slice_update(x, (0, 2, 7, 0), 9 * x[:, :3, :2])),
    ("BitwiseAnd", "tflite"): (SIGNED, lambda x: tf.cast(keras.ops.signbit(x), tf.float32)),
    ("BitwiseAnd", "onnx"): (SIGNED, lambda x: keras.ops.argmax(x, axis=-1)),
    ("BatchMatMulV3", "tflite"): (BYTES, lambda x: tf.matmul(x, BYTES[0], transpose_b=True, output_type=tf.int32)),
    ("Cumprod", "tflite"): (IMAGES, lambda x: tf.math.cumprod(x, axis=2)),
    ("Cumprod", "onnx"): (IMAGES, lambda x: tf.math.cumprod(x, axis=-2, exclusive=True, reverse=True)),
}


def traced(function: Callable[[Any], Any], example: np.ndarray) -> Any:
    """A concrete function of any batch that answers under a name."""
    signature = [tf.TensorSpec((None, *example.shape[1:]), example.dtype, name="image")]
    return tf.function(lambda image: {"answer": function(image)}, input_signature=signature).get_concrete_function()


@pytest.mark.parametrize(("operator", "kind"), list(OPERATORS))
def test_a_rewritten_operator_is_gone_and_the_answers_stay(operator: str, kind: str) -> None:
    example, function = OPERATORS[operator, kind]
    original = traced(function, example)

    changed = rewrite(original, load_part(Format(kind), "writer").REWRITING)

    assert operator in operators(original.graph.as_graph_def())
    assert operator not in operators(changed.graph.as_graph_def())
    expected = original(tf.constant(example))["answer"]
    np.testing.assert_allclose(changed(tf.constant(example))["answer"], expected, rtol=0, atol=CLOSE)


def test_a_rewritten_function_keeps_the_names_of_its_inputs_and_outputs() -> None:
    changed = rewrite(traced(tf.math.erfc, IMAGES), load_part(Format.ONNX, "writer").REWRITING)

    assert list(changed.structured_outputs) == ["answer"]
    assert changed.inputs[0].name == "image:0"
    assert changed.inputs[0].shape.as_list() == [None, 6, 8, 2]


def test_a_function_without_anything_to_rewrite_is_left_alone() -> None:
    function = traced(tf.nn.relu, IMAGES)

    assert rewrite(function, load_part(Format.ONNX, "writer").REWRITING) is function
    assert rewrite(function, load_part(Format.TFLITE, "writer").REWRITING) is function


def test_tf2onnx_gets_no_transposed_convolution_that_reaches_beyond_its_windows() -> None:
    def convolve(x: Any) -> Any:
        size = tf.stack([tf.shape(x)[0], 14, 18, 4])
        return tf.nn.conv2d_transpose(x, KERNEL, size, strides=2, padding="VALID")

    original = traced(convolve, IMAGES)
    changed = rewrite(original, load_part(Format.ONNX, "writer").REWRITING)

    assert "Pad" in operators(changed.graph.as_graph_def())
    expected = original(tf.constant(IMAGES))["answer"]
    np.testing.assert_allclose(changed(tf.constant(IMAGES))["answer"], expected, rtol=0, atol=CLOSE)


def test_a_grouped_convolution_of_volumes_becomes_one_for_each_group() -> None:
    def convolve(x: Any) -> Any:
        return tf.raw_ops.Conv3D(input=x, filter=VOLUME_KERNEL, strides=[1] * 5, padding="VALID")

    changed = rewrite(traced(convolve, VOLUMES), load_part(Format.TFLITE, "writer").REWRITING)

    parts = [
        tf.nn.conv3d(VOLUMES[..., at : at + 1], VOLUME_KERNEL[..., 2 * at : 2 * at + 2], [1] * 5, "VALID")
        for at in (0, 1)
    ]
    np.testing.assert_allclose(
        changed(tf.constant(VOLUMES))["answer"], np.concatenate(parts, axis=-1), rtol=0, atol=CLOSE
    )


@pytest.mark.parametrize(
    ("operator", "kind", "function", "shape"),
    [
        ("ResizeArea", "tflite", lambda x: tf.image.resize(x, (4, 5), "area"), (None, None, 8, 2)),
        ("ResizeArea", "onnx", lambda x: tf.image.resize(x, tf.shape(x)[:1] * (2, 3), "area"), (None, 6, 8, 2)),
        ("MaxPool3D", "tflite", lambda x: tf.nn.max_pool3d(x, 2, 2, "SAME"), (None, None, 6, 7, 2)),
        ("DenseBincount", "onnx", lambda x: tf.math.bincount(tf.cast(x, tf.int32), axis=-1), (None, 9)),
        ("Roll", "tflite", lambda x: tf.roll(x, tf.shape(x)[0], 1), (None, 9)),
        ("Roll", "tflite", lambda x: tf.roll(x, 1, 1), (None, None)),
        ("Cumprod", "onnx", lambda x: tf.math.cumprod(x, 0), (None, 9)),
        ("MatrixDiagPartV3", "tflite", lambda x: tf.linalg.diag_part(x, k=1), (None, 3, 4)),
        ("MatrixDiagPartV3", "tflite", tf.linalg.diag_part, (None, None, 4)),
        (
            "XlaDynamicUpdateSlice",
            "onnx",
            lambda x: keras.ops.slice_update(x, (tf.shape(x)[0], 0), x[:, :1]),
            (None, 4),
        ),
        ("BitwiseAnd", "tflite", lambda x: tf.bitwise.bitwise_and(tf.cast(x, tf.int32), 6), (None, 4)),
        ("BatchMatMulV3", "tflite", lambda x: byte_product(x, x), (None, 3, None)),
        ("Asin", "tflite", lambda x: tf.asin(tf.cast(x, tf.float64)), (None, 4)),
    ],
)
def test_a_rewrite_that_does_not_fit_leaves_the_operator(
    operator: str, kind: str, function: Callable[[Any], Any], shape: tuple[int | None, ...]
) -> None:
    signature = [tf.TensorSpec(shape, tf.float32, name="image")]
    original = tf.function(lambda image: {"answer": function(image)}, input_signature=signature)

    changed = rewrite(original.get_concrete_function(), load_part(Format(kind), "writer").REWRITING)

    assert operator in operators(changed.graph.as_graph_def())


def byte_product(first: Any, second: Any) -> Any:
    """first @ second, transposed, as quantized layers compute it."""
    first, second = tf.cast(first, tf.int8), tf.cast(second, tf.int8)
    return tf.matmul(first, second, transpose_b=True, output_type=tf.int32)


def test_a_product_of_bytes_is_exact_where_a_float_sum_is_not() -> None:
    matrix = np.full((1, 2, 2100), -128, np.int8)

    changed = rewrite(
        traced(lambda x: tf.matmul(x, matrix[0], transpose_b=True, output_type=tf.int32), matrix),
        load_part(Format.TFLITE, "writer").REWRITING,
    )

    np.testing.assert_array_equal(changed(tf.constant(matrix))["answer"], np.full((1, 2, 2), 2100 * 128**2))


def test_loops_are_kept_as_they_are() -> None:
    def doubled(x: Any) -> Any:
        return tf.while_loop(lambda n, y: n < 3, lambda n, y: (n + 1, y * 2), (0, tf.math.erfc(x)))[1]

    original = traced(doubled, IMAGES)
    changed = rewrite(original, load_part(Format.ONNX, "writer").REWRITING)

    assert {"StatelessWhile", "While"} & operators(changed.graph.as_graph_def())
    expected = original(tf.constant(IMAGES))["answer"]
    np.testing.assert_allclose(changed(tf.constant(IMAGES))["answer"], expected, rtol=0, atol=1e-5)


def test_recurrent_layers_loop_again_after_they_were_traced() -> None:
    image = keras.Input((5, 4))
    rolled, never = keras.layers.LSTM(3, return_sequences=True), keras.layers.GRU(2, unroll=True)
    model = keras.Model(image, never(keras.layers.Bidirectional(rolled)(image)))
    inner = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.LSTM)]

    with unroll(model):
        assert [layer.unroll for layer in inner] == [True] * len(inner)

    assert [layer.unroll for layer in inner] == [False] * len(inner)
    assert len(inner) >= 2
    assert never.unroll


def test_a_traced_function_writes_no_variable(save_layers: Callable[..., Path]) -> None:
    serving = load_serving_model(save_layers(keras.layers.RandomHue(0.5, value_range=(0, 1), seed=1)))

    found = operators(trace(serving, load_part(Format.ONNX, "writer").REWRITING).graph.as_graph_def())

    assert not [name for name in found if name.startswith("Assign")]
