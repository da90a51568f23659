"""Where some files can't be written the others are named, and each reason once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
import tensorflow as tf

from export._publish import publish
from export.errors import UnusableError, UnwritableError
from export.formats.targets import choose_targets

pytestmark = pytest.mark.slow
layers = keras.layers


@keras.saving.register_keras_serializable("writing")
class Singular(keras.layers.Layer):
    """What TFLite and ONNX lack."""

    def call(self, x: Any) -> Any:
        return tf.linalg.svd(x, compute_uv=False)


@keras.saving.register_keras_serializable("writing")
class Gamma(keras.layers.Layer):
    """What the TFLite file answers nothing to."""

    def call(self, x: Any) -> Any:
        return tf.math.lgamma(x + 1)


@pytest.fixture
def failure(
    save_layers: Callable[..., Path], request_for: Callable[..., Any], tmp_path: Path, examples: Any
) -> Callable[..., Any]:
    """`failure(kind, layer, formats, variants)`: the error of that kind with which nothing is published."""

    def call(kind: type[Exception], layer: Any, formats: list[str], variants: list[str]) -> Any:
        request = request_for(tmp_path / "artifacts", model=save_layers(layer))
        request = dataclasses.replace(request, targets=choose_targets(formats, variants), calibration=examples[0][:50])
        with pytest.raises(kind) as raised:
            publish(request, *examples)
        assert not (tmp_path / "artifacts").exists()
        return raised.value

    return call


def test_what_can_be_written_is_named(failure: Callable[..., Any]) -> None:
    error = failure(UnwritableError, Singular(name="singular"), ["saved_model", "tflite"], [])

    assert str(error).startswith("the layer singular (Singular) can't be written as TFLite")
    assert [target.file for target in error.writable] == ["saved_model"]


def test_the_number_types_of_a_format_are_refused_with_it_in_one_sentence(failure: Callable[..., Any]) -> None:
    error = failure(UnwritableError, Singular(name="singular"), [], ["all"])

    assert [target.file for target in error.writable] == ["saved_model"]
    assert str(error).count("can't be written as TFLite") == str(error).count("can't be written as ONNX") == 1


def test_other_formats_are_named_where_nothing_that_was_asked_for_can_be_written(failure: Callable[..., Any]) -> None:
    error = failure(UnwritableError, Singular(), ["tflite", "onnx"], [])

    assert [target.file for target in error.writable] == ["saved_model"]


def test_a_file_that_can_not_be_used_leaves_the_others_too(failure: Callable[..., Any]) -> None:
    error = failure(UnusableError, Gamma(), ["saved_model", "tflite"], [])

    assert str(error).startswith("model.tflite answers a batch of 1 with ")
    assert [target.file for target in error.writable] == ["saved_model"]
