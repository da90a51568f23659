"""What a format can't hold is told by the layer, or the operation between layers, that needs it, and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from export.artifact import Format
from export.errors import InputError, VerificationError
from export.formats.writer import write
from export.graph.makers import find_maker
from export.graph.refusals import Unwritable, find_refused, name_cause, refusal, refuse_conversion
from export.model.preprocessing import ServingOptions
from export.model.serving import ServingModel, load_serving_model

layers, ops = keras.layers, keras.ops
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), dtype=np.uint8)

Served = Callable[..., ServingModel]


@keras.saving.register_keras_serializable("refusals")
class Grows(keras.layers.Layer):
    """Answers with images of a size that the brightest pixel decides."""

    def call(self, x: Any) -> Any:
        more = 1 + tf.cast(tf.reduce_max(x), tf.int32)
        return tf.pad(x, [[0, 0], [more, 1], [1, more], [0, 0]])

    def compute_output_shape(self, shape: Any) -> Any:
        return (shape[0], None, None, shape[3])


@keras.saving.register_keras_serializable("refusals")
class Shrinks(Grows):
    """Likewise, of no size where all is dark."""

    def call(self, x: Any) -> Any:
        return x[:, : tf.cast(tf.reduce_max(x), tf.int32)]


@keras.saving.register_keras_serializable("refusals")
class HalfFloats(keras.layers.Layer):
    """Computes in a type of numbers that ONNX files lack here."""

    def call(self, x: Any) -> Any:
        return tf.cast(tf.cast(x, tf.bfloat16) * 2, tf.float32)


@keras.saving.register_keras_serializable("refusals")
class Loops(keras.layers.Layer):
    """Adds up as long as the values let it."""

    def call(self, x: Any) -> Any:
        return tf.while_loop(lambda y: tf.reduce_sum(y) < 9, lambda y: [tf.linalg.svd(y, compute_uv=False) * y], [x])[0]


@keras.saving.register_keras_serializable("refusals")
class Block(keras.layers.Layer):
    """A layer in a layer."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.inner = HalfFloats(name="inner")

    def build(self, shape: Any) -> None:
        self.inner.build(shape)

    def call(self, x: Any) -> Any:
        return self.inner(x)


@keras.saving.register_keras_serializable("refusals")
class Noisy(keras.layers.Layer):
    """Draws numbers when it is used, too."""

    def call(self, x: Any) -> Any:
        return x + tf.random.normal(tf.shape(x))


@pytest.fixture
def served(tmp_path: Path) -> Served:
    """`served(body)`: a model of 8×8 images that answers with what `body` makes of them."""

    def call(body: Callable[[Any], Any]) -> ServingModel:
        image = keras.Input((8, 8, 1))
        keras.Model(image, body(image), name="net").save(tmp_path / "model.keras")
        how = ServingOptions(pixel_scale=(1 / 255, 0.0), is_classifier=False)
        return load_serving_model(tmp_path / "model.keras", how, examples=IMAGES)

    return call


@pytest.fixture
def refused(served: Served, tmp_path: Path, options: Callable[..., Any]) -> Callable[..., str]:
    """`refused(body, format)`: the sentence with which the model can't be written."""

    def call(body: Callable[[Any], Any], kind: Format) -> str:
        with pytest.raises(InputError, match="can't be written as") as raised:
            write(served(body), tmp_path, options(kind))
        return str(raised.value)

    return call


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Format.TFLITE, Format.ONNX])
def test_an_operation_between_layers_is_named(refused: Callable[..., str], kind: Format) -> None:
    sentence = refused(lambda x: ops.svd(ops.squeeze(layers.Conv2D(1, 3)(x), -1), compute_uv=False), kind)

    assert re.match(r"the operation svd\w* \(SVD\) can't be written as ", sentence)
    assert "which lacks TensorFlow's operator Svd as it is used there: put another layer in its place" in sentence
    assert "--format" not in sentence


@pytest.mark.slow
def test_the_innermost_of_nested_layers_is_named(refused: Callable[..., str]) -> None:
    sentence = refused(lambda x: layers.Conv2D(2, 3)(Block(name="outer")(x)), Format.TFLITE)

    assert sentence.startswith("the layer inner (HalfFloats) can't be written as TFLite with builtin operators, which")


@pytest.mark.slow
@pytest.mark.parametrize("layer", [Grows, Shrinks])
def test_the_layer_that_hides_a_size_is_named_and_not_the_one_that_needs_it(
    refused: Callable[..., str], layer: type[keras.layers.Layer]
) -> None:
    def body(x: Any) -> Any:
        x = layers.Conv2D(2, 3)(layers.ReLU()(layer(name="varies")(x)))
        return layers.GlobalAveragePooling2D()(x)

    sentence = refused(body, Format.TFLITE)

    assert sentence == (
        f"the layer varies ({layer.__name__}) can't be written as TFLite with builtin operators: how large its answer "
        "is depends on the values that it gets; let it answer with a size that is known when the model is built"
    )


@pytest.mark.slow
def test_the_layer_is_named_at_which_tf2onnx_fails(refused: Callable[..., str]) -> None:
    sentence = refused(lambda x: layers.Conv2D(2, 3)(HalfFloats(name="half")(x)), Format.ONNX)

    assert sentence.startswith("the layer half (HalfFloats) can't be written as ONNX with opset 17: ")


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Format.TFLITE, Format.ONNX])
def test_the_layer_of_a_loop_is_named(refused: Callable[..., str], kind: Format) -> None:
    sentence = refused(lambda x: Loops(name="loops")(ops.squeeze(x, -1)), kind)

    assert sentence.startswith("the layer loops (Loops) can't be written as ")


def test_a_node_that_was_put_in_the_place_of_another_is_its_layers(served: Served) -> None:
    serving = served(lambda x: layers.Conv2D(2, 3, name="odd")(x))

    found = find_maker(serving, "net_1/odd_1/convolution/group/Conv2D")

    assert (found.title, found.hides_size) == ("the layer odd (Conv2D)", False)


def test_a_node_that_no_layer_made_is_told_as_it_is(served: Served) -> None:
    serving = served(lambda x: layers.Conv2D(2, 3)(x))

    assert find_maker(serving, "Odd__8").title == "the model (at Odd__8)"
    assert find_maker(serving, "Identity").title == "the model (at Identity)"
    assert str(refuse_conversion(serving, None, "ONNX", "why")) == "the model can't be written as ONNX: why"


def test_a_refused_loop_is_told_what_to_do(served: Served) -> None:
    serving = served(lambda x: layers.Conv2D(2, 3)(x))

    sentence = str(
        refusal(serving, Unwritable(operator="TensorListReserve", path="a/b"), "TFLite with builtin operators")
    )

    assert "a fixed number of steps" in sentence
    assert "TFLite with builtin operators" in sentence


def test_the_operator_is_read_off_the_converters_message() -> None:
    message = 'error: loc(callsite(fused["Erfinv:", "model/erfinv_1/Erfinv@__inference_serve_1"] at ...'

    assert find_refused(message) == Unwritable(operator="Erfinv", path="model/erfinv_1/Erfinv")
    assert find_refused("out of memory") is None


@pytest.mark.slow
def test_a_file_that_is_not_valid_names_the_layer(served: Served, tmp_path: Path, options: Callable[..., Any]) -> None:
    serving = served(lambda x: layers.Conv2D(2, 3)(Noisy(name="noisy")(x)))

    message = r"model\.onnx can't be published, because of the layer noisy \(Noisy\): it draws random numbers \(Random"
    with pytest.raises(VerificationError, match=message):
        write(serving, tmp_path, options(Format.ONNX))


def test_no_layer_is_the_cause_of_a_node_that_no_layer_made(served: Served) -> None:
    serving = served(lambda x: layers.Conv2D(2, 3, name="odd")(x))

    assert name_cause(serving, None) == name_cause(serving, "Range__110") == name_cause(serving, "Identity") == ""
    # Without the scope of the model, as names are in written files.
    assert name_cause(serving, "odd_1/convolution") == ", because of the layer odd (Conv2D)"
