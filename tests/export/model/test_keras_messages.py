"""Of what Keras writes when something fails, one line tells why."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from export.model.keras_messages import LONGEST, read_reason


class Failing(keras.layers.Layer):
    """A layer with a mistake."""

    def call(self, x: Any) -> Any:
        raise ZeroDivisionError("nothing to\n  divide by")


def caught(call: Any) -> Exception:
    with pytest.raises(Exception, match=r".*") as raised:
        call()
    return raised.value


def test_a_shape_that_does_not_fit_is_told_without_the_numbers() -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Flatten(), keras.layers.Dense(2, name="last")])
    model.layers[-1].input_spec = keras.layers.InputSpec(min_ndim=2, axes={-1: 7})

    found = read_reason(caught(lambda: model(np.zeros((3, 4), np.float32))))

    assert found.startswith("Input 0 with name")
    assert found.endswith("expected axis -1 of input shape to have value 7, but received input with shape (3, 4)")


@pytest.mark.parametrize("traced", [True, False])
def test_a_layers_own_mistake_is_told(traced: bool) -> None:
    layer = Failing()
    call = tf.function(layer) if traced else layer

    assert "nothing to divide by" in read_reason(caught(lambda: call(np.zeros((3, 4), np.float32))))


def test_the_innermost_reason_of_what_can_not_be_loaded_is_told() -> None:
    config = keras.layers.Dense(2).get_config() | {"activation": {"class_name": "function", "config": "mine"}}

    found = read_reason(caught(lambda: keras.layers.Dense.from_config(config)))

    assert "mine" in found
    assert "Exception encountered" not in found


def test_other_messages_are_one_line_of_some_length() -> None:
    assert read_reason(ValueError("in user code:\n\n    File 'x'\n\n    ValueError: why\n")) == "ValueError: why"
    assert read_reason(ValueError("a\n b")) == "a b"
    assert len(read_reason(ValueError("x" * 999))) == LONGEST
    assert read_reason(ValueError("x" * 999 + " expected 7, found 4")).endswith(" expected 7, found 4")
