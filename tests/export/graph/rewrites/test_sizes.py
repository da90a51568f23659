"""Sizes that are known are constants in what converters get; those that inputs decide are asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from export.artifact import Format
from export.formats.format import load_part
from export.formats.runtime import answer_all, load
from export.formats.writer import write
from export.graph.rewriting import rewrite
from export.model.preprocessing import ServingOptions
from export.model.serving import load_serving_model, reference_answers

layers = keras.layers
SHAPE = (8, 6, 3)
IMAGES = np.random.default_rng(0).normal(0, 1, (5, *SHAPE)).astype(np.float32)


def left_of(function: Callable[[Any], Any], shape: tuple[int | None, ...] = (None, *SHAPE)) -> Counter[str]:
    """How often each operator is left of a function of images when it was rewritten; the answers stay."""
    spec = [tf.TensorSpec(shape, tf.float32, name="image")]
    original = tf.function(function, input_signature=spec, autograph=False).get_concrete_function()
    changed = rewrite(original, load_part(Format.TFLITE, "writer").REWRITING)
    np.testing.assert_allclose(changed(tf.constant(IMAGES)), original(tf.constant(IMAGES)), rtol=1e-6)
    frozen = convert_variables_to_constants_v2(changed)
    return Counter(node.op for node in frozen.graph.as_graph_def().node)


def test_a_shape_that_is_put_together_from_parts_of_another_one_is_a_constant() -> None:
    left = left_of(lambda x: tf.reshape(x, tf.concat([tf.shape(x)[:1], [tf.shape(x)[1] * 2], [-1 + 4, 3]], axis=0)))

    assert not {"Shape", "ConcatV2", "Mul"} & set(left)
    assert left["Reshape"] == 1


@pytest.mark.parametrize(
    "size",
    [
        lambda shape: shape[1] * shape[2],
        lambda shape: shape[1] + shape[-1] - 2,
        lambda shape: shape[1] // 3,
        lambda shape: tf.maximum(shape[1], 4) - tf.minimum(shape[2], 5),
        lambda shape: tf.reduce_prod(shape[1:]),
        lambda shape: tf.reduce_sum(tf.gather(shape, [3, 1])),
        lambda shape: tf.cast(tf.cast(shape[1], tf.int64) * 2, tf.int32),
        lambda shape: tf.stack([shape[2], 7])[0],
    ],
)
def test_a_size_that_is_computed_is_a_constant(size: Callable[[Any], Any]) -> None:
    left = left_of(lambda x: x / tf.cast(size(tf.shape(x)), tf.float32))

    assert "Shape" not in left


@pytest.mark.parametrize(
    "size",
    [
        lambda shape: shape[0],
        lambda shape: tf.reduce_prod(shape[:2]),
        lambda shape: tf.reduce_sum(tf.gather(shape, [0, 1])),
        lambda shape: shape[tf.newaxis, 1:][0, 0] + shape[0],
    ],
)
def test_the_batch_is_asked_for(size: Callable[[Any], Any]) -> None:
    assert left_of(lambda x: x / tf.cast(size(tf.shape(x)), tf.float32))["Shape"] >= 1


def test_a_reshape_with_two_sizes_that_inputs_decide_asks_for_them() -> None:
    left = left_of(lambda x: tf.reshape(x, [tf.shape(x)[0], tf.shape(x)[1] * 6, 3]), (None, None, 6, 3))

    assert left["Pack"] == 1
    assert left["Shape"] == 2


def test_a_reshape_to_nothing_is_left() -> None:
    assert left_of(lambda x: x + tf.reduce_sum(tf.reshape(x[:, :0], [tf.shape(x)[0], 0])))["Reshape"] == 1


def test_flattening_asks_for_no_shape() -> None:
    flatten = keras.layers.Flatten()

    assert set(left_of(flatten)) <= {"Placeholder", "Const", "Reshape", "Identity"}


UPSAMPLINGS: dict[str, Callable[[Any], Any]] = {
    "two in a row": lambda x: layers.UpSampling2D(2)(layers.UpSampling2D(2)(x)),
    "three, of other sizes": lambda x: layers.UpSampling2D(2)(layers.UpSampling2D((1, 3))(layers.UpSampling2D(2)(x))),
    "with a normalization between": lambda x: layers.UpSampling2D(2)(
        layers.BatchNormalization()(layers.UpSampling2D(2)(x))
    ),
    "cropped and padded behind": lambda x: layers.ZeroPadding2D(1)(
        layers.Cropping2D(2)(layers.UpSampling2D(2)(layers.UpSampling2D(2)(x)))
    ),
    "joined with another branch": lambda x: layers.Concatenate()(
        [x, layers.UpSampling2D(2)(layers.UpSampling2D(2)(layers.AveragePooling2D(4)(x)))]
    ),
    "resized before": lambda x: layers.UpSampling2D(2)(layers.UpSampling2D(2)(layers.Resizing(5, 7)(x))),
    "repeated by Keras's operation": lambda x: keras.ops.repeat(keras.ops.repeat(x, 3, axis=1), 2, axis=2),
    "halved by its own shape": lambda x: keras.ops.image.resize(x, (x.shape[1] // 2, x.shape[2] // 2)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(UPSAMPLINGS))
@pytest.mark.parametrize("kind", [Format.TFLITE, Format.ONNX])
def test_images_of_known_size_stay_so_behind(
    name: str, kind: Format, tmp_path: Path, options: Callable[..., Any]
) -> None:
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 12, 3))
    keras.Model(image, layers.Conv2D(2, 3, name="y")(UPSAMPLINGS[name](image))).save(tmp_path / "model.keras")
    inputs = {"image": np.random.default_rng(0).integers(0, 256, (4, 8, 12, 3), dtype=np.uint8)}
    how = ServingOptions(pixel_scale=(1 / 255, 0.0), is_classifier=False)
    serving = load_serving_model(tmp_path / "model.keras", how, examples=inputs["image"])

    artifact = write(serving, tmp_path, options(kind))

    found = answer_all(load(artifact.target, tmp_path / artifact.target.file), inputs)
    np.testing.assert_allclose(found["y"], reference_answers(serving, inputs)["y"], rtol=0, atol=1e-5)
