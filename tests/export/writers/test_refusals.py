"""What a format can't hold is told by the layer that needs it, and what to do."""

from __future__ import annotations

import keras
import pytest

from export.artifact import Format
from export.writers.refusals import Unwritable, refusal, stopped_at


def test_the_operator_is_read_off_the_converters_message() -> None:
    message = 'error: loc(callsite(fused["Erfinv:", "model/erfinv_1/Erfinv@__inference_serve_1"] at ...'

    assert stopped_at(message) == Unwritable(operator="Erfinv", path="model/erfinv_1/Erfinv")
    assert stopped_at("out of memory") is None


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (
            "net_1/odd_2_1/Odd",
            "the layer odd_2 (Conv2D) can't be written as ONNX, which lacks TensorFlow's operator Odd",
        ),
        ("net_1/odd_1/Odd", "the layer odd (Conv2D) can't be"),
        ("net_1/outer_1/odd_1/Odd", "the layer odd (Conv2D) can't be"),
        ("net_1/Odd", "the model (at net_1/Odd) can't be"),
    ],
)
def test_a_refusal_names_the_layer(path: str, said: str) -> None:
    image = keras.Input((4, 4, 1))
    model = keras.Model(image, keras.layers.Conv2D(1, 1, name="odd_2")(keras.layers.Conv2D(1, 1, name="odd")(image)))

    sentence = str(refusal(model, Unwritable(operator="Odd", path=path), Format.ONNX))

    assert sentence.startswith(said)
    assert sentence.endswith("put another layer in its place, or leave out --format onnx")


def test_a_refused_loop_is_told_what_to_do() -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])

    sentence = str(refusal(model, Unwritable(operator="TensorListReserve", path="a/b"), Format.TFLITE))

    assert "a fixed number of steps" in sentence
    assert "TFLite with builtin operators" in sentence
