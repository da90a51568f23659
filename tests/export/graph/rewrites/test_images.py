"""Operators of images that the formats lack: patches, transforms and colours give TensorFlow's own numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from export.artifact import Format
from export.formats.format import load_part
from export.graph.rewrites.replay import operators
from export.graph.rewriting import rewrite

pytestmark = pytest.mark.slow
IMAGES = np.random.default_rng(0).uniform(0, 1, (3, 7, 9, 3)).astype(np.float32)
TURNED = np.float32([[0.8, 0.3, -2.0, -0.2, 1.1, 3.0, 0.01, -0.02], [1.6, 0.4, -9.3, -1.2, 2.1, 20.0, 0.0, 0.0]])
KINDS = [Format.TFLITE, Format.ONNX]


def compare(function: Callable[[Any], Any], operator: str, *, images: np.ndarray = IMAGES, close: float = 1e-5) -> None:
    """The operator is gone from the function in every format, and the answers stay."""
    spec = [tf.TensorSpec((None, *images.shape[1:]), tf.float32, name="image")]
    original = tf.function(function, input_signature=spec, autograph=False).get_concrete_function()
    expected = original(tf.constant(images))
    for kind in KINDS:
        changed = rewrite(original, load_part(kind, "writer").REWRITING)
        assert operator in operators(original.graph.as_graph_def())
        # What nothing reads any more is gone once the graph is frozen, as converters get it.
        assert operator not in operators(convert_variables_to_constants_v2(changed).graph.as_graph_def())
        np.testing.assert_allclose(changed(tf.constant(images)), expected, rtol=0, atol=close)


@pytest.mark.parametrize("padding", ["VALID", "SAME"])
@pytest.mark.parametrize(
    ("sizes", "strides", "rates"), [((3, 3), (3, 3), (1, 1)), ((2, 4), (1, 3), (1, 1)), ((3, 2), (2, 2), (2, 3))]
)
def test_patches_are_cut(
    padding: str, sizes: tuple[int, int], strides: tuple[int, int], rates: tuple[int, int]
) -> None:
    settings = [[1, *pair, 1] for pair in (sizes, strides, rates)]

    compare(lambda x: tf.image.extract_patches(x, *settings, padding), "ExtractImagePatches", close=0)


@pytest.mark.parametrize("fill", ["CONSTANT", "NEAREST", "REFLECT", "WRAP"])
@pytest.mark.parametrize("interpolation", ["NEAREST", "BILINEAR"])
@pytest.mark.parametrize("each", [True, False])
def test_a_projective_transform_reads_the_same_pixels(fill: str, interpolation: str, each: bool) -> None:
    transforms = np.concatenate([TURNED, TURNED[:1] * 3]) if each else TURNED[:1]

    def transform(x: Any) -> Any:
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=x,
            transforms=transforms,
            output_shape=[6, 11],
            fill_value=0.25,
            interpolation=interpolation,
            fill_mode=fill,
        )

    compare(transform, "ImageProjectiveTransformV3", close=2e-5)


def test_a_transform_to_a_size_of_its_own_shape_is_known() -> None:
    def transform(x: Any) -> Any:
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=x, transforms=TURNED[:1], output_shape=tf.shape(x)[1:3], fill_value=0.0, interpolation="BILINEAR"
        )

    compare(transform, "ImageProjectiveTransformV3")


def test_colours_are_turned_into_hues_and_back() -> None:
    grey = np.concatenate([IMAGES, np.repeat(IMAGES[..., :1], 3, axis=-1), np.zeros_like(IMAGES[:1])])

    compare(tf.image.rgb_to_hsv, "RGBToHSV", images=grey)
    compare(tf.image.hsv_to_rgb, "HSVToRGB", images=grey)


def test_images_are_adjusted() -> None:
    compare(lambda x: tf.image.adjust_hue(x, 0.3), "AdjustHue")
    compare(lambda x: tf.image.adjust_saturation(x, 1.7), "AdjustSaturation")
    compare(lambda x: tf.image.adjust_contrast(x, 1.7), "AdjustContrastv2")


COMPLEX: dict[str, Callable[[Any], Any]] = {
    "transform of images": lambda z: tf.math.real(tf.signal.fft2d(z)),
    "transform of rows": lambda z: tf.math.imag(tf.signal.fft(z)),
    "images again": lambda z: tf.abs(tf.signal.ifft2d(z)),
    "rows again": lambda z: tf.math.real(tf.signal.ifft(z)),
    "sums, products and moves": lambda z: tf.math.imag(
        tf.math.conj(z) * z - z[:, ::-1] + tf.transpose(z, (0, 2, 1))[:, :, :7][:, :7]
    ),
    "powers and constants": lambda z: tf.math.real(tf.exp(z) * tf.constant(1 + 2j, tf.complex64)),
    "real rows again": lambda z: tf.signal.irfft(z, [13]),
}


@pytest.mark.parametrize("name", list(COMPLEX))
def test_complex_numbers_become_two_real_ones(name: str) -> None:
    def function(x: Any) -> Any:
        return COMPLEX[name](tf.complex(x[..., :7, 0], x[..., :7, 1]))

    compare(function, "Complex")


@pytest.mark.parametrize("length", [7, 8, 12])
def test_real_numbers_are_transformed_and_back(length: int) -> None:
    compare(lambda x: tf.math.real(tf.signal.rfft(x[..., 0], [length])), "RFFT")
    compare(lambda x: tf.signal.irfft(tf.signal.rfft(x[..., 0], [length]), [length]), "IRFFT")


@pytest.mark.parametrize(
    "function",
    [
        lambda x: tf.image.extract_patches(x, [1, 2, 2, 1], [1, 1, 1, 1], [1, 1, 1, 1], "VALID"),
        lambda x: tf.math.real(tf.signal.fft(tf.cast(x, tf.complex64))),
        lambda x: tf.math.real(tf.math.sqrt(tf.complex(x, x))),
        lambda x: tf.abs(tf.cast(tf.cast(x, tf.float64), tf.complex64)),
    ],
)
def test_what_is_not_known_before_is_left(function: Callable[[Any], Any]) -> None:
    spec = [tf.TensorSpec((None, None, None, None), tf.float32, name="image")]
    original = tf.function(function, input_signature=spec, autograph=False).get_concrete_function()

    changed = rewrite(original, load_part(Format.TFLITE, "writer").REWRITING)

    kept = {"ExtractImagePatches", "Real", "ComplexAbs"} & operators(original.graph.as_graph_def())
    assert kept <= operators(changed.graph.as_graph_def())
    image = tf.constant(IMAGES[..., :1])
    np.testing.assert_array_equal(changed(image), original(image))
