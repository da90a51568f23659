"""Which pixel values a model is made for: told, or seen from its first layers."""

from __future__ import annotations

from typing import Any

import keras
import pytest

from tuning.errors import InputError
from tuning.models.pixel_scaling import pixel_scale_for

layers = keras.layers


def model_of(*stack: Any, dtype: str = "float32") -> keras.Model:
    return keras.Sequential([keras.Input((8, 8, 3), dtype=dtype), *stack, layers.Flatten(), layers.Dense(2)])


@pytest.mark.parametrize(
    "stack",
    [
        [layers.Rescaling(1 / 255)],
        [layers.Normalization(mean=1.0, variance=2.0)],
        [layers.RandomFlip(), layers.RandomRotation(0.1), layers.Rescaling(2 / 255, -1)],
        [layers.Resizing(6, 6), layers.Rescaling(1 / 255)],
        [keras.Sequential([layers.RandomFlip(), layers.Rescaling(1 / 255)])],
        [keras.Sequential([layers.RandomFlip()]), layers.Rescaling(1 / 255)],
    ],
    ids=["rescaling", "normalization", "augmentation first", "resizing first", "nested", "behind nested augmentation"],
)
def test_a_model_that_scales_is_seen(stack: Any) -> None:
    assert pixel_scale_for(model_of(*stack), None, "it") == (1.0, 0.0)


@pytest.mark.slow
def test_a_network_with_its_own_preprocessing_is_seen() -> None:
    network = keras.applications.MobileNetV3Small(input_shape=(32, 32, 3), weights=None, classes=2)

    assert pixel_scale_for(network, None, "it") == (1.0, 0.0)


def test_uint8_is_handed_over_as_it_is() -> None:
    assert pixel_scale_for(model_of(layers.Rescaling(1 / 255), dtype="uint8"), None, "it") is None
    with pytest.raises(InputError, match="it takes uint8 pixels as they are: leave out `pixel_scale`"):
        pixel_scale_for(model_of(layers.Rescaling(1 / 255), dtype="uint8"), (1.0, 0.0), "it")


def test_what_is_told_counts_more_than_what_is_seen() -> None:
    assert pixel_scale_for(model_of(layers.Rescaling(2.0, -1)), (1 / 255, 0.0), "it") == (1 / 255, 0.0)


@pytest.mark.parametrize("stack", [[layers.Conv2D(2, 3)], [layers.Conv2D(2, 3), layers.Rescaling(2.0)], []])
def test_what_is_neither_told_nor_seen_is_asked_for(stack: Any) -> None:
    with pytest.raises(InputError, match="it has no Rescaling or Normalization layer before its first layer, so say"):
        pixel_scale_for(model_of(*stack), None, "it")
