"""Which pixel values a model is made for: told, or seen from its first layers."""

from __future__ import annotations

from typing import Any

import keras
import pytest

from tuning.errors import InputError
from tuning.pixels import parse_pixel_scale, pixel_scale_for, scales_pixels_itself

layers = keras.layers


def model_of(*stack: Any, dtype: str = "float32") -> keras.Model:
    return keras.Sequential([keras.Input((8, 8, 3), dtype=dtype), *stack, layers.Flatten(), layers.Dense(2)])


@pytest.mark.parametrize(
    ("text", "scale"),
    [("unit", (1 / 255, 0.0)), ("signed", (2 / 255, -1.0)), ("raw", (1.0, 0.0)), ("0.01,-0.5", (0.01, -0.5))],
)
def test_a_scale_is_read(text: str, scale: tuple[float, float]) -> None:
    assert parse_pixel_scale(text) == scale


@pytest.mark.parametrize("text", ["", "half", "1", "0,1", "nan,0", "1,inf", "1,2,3", "a,b"])
def test_anything_else_is_no_scale(text: str) -> None:
    with pytest.raises(InputError, match="--pixel-scale must be raw, unit, signed or FACTOR,OFFSET, got"):
        parse_pixel_scale(text)


@pytest.mark.parametrize(
    "stack",
    [
        [layers.Rescaling(1 / 255)],
        [layers.Normalization(mean=1.0, variance=2.0)],
        [layers.RandomFlip(), layers.RandomRotation(0.1), layers.Rescaling(2 / 255, -1)],
        [layers.Resizing(6, 6), layers.Rescaling(1 / 255)],
        [keras.Sequential([layers.RandomFlip(), layers.Rescaling(1 / 255)])],
    ],
    ids=["rescaling", "normalization", "augmentation first", "resizing first", "nested"],
)
def test_a_model_that_scales_is_seen(stack: Any) -> None:
    assert scales_pixels_itself(model_of(*stack))


def test_arithmetic_on_the_input_is_seen() -> None:
    image = keras.Input((8, 8, 3))

    assert scales_pixels_itself(keras.Model(image, layers.Dense(2)(image / 127.5 - 1)))


@pytest.mark.parametrize("stack", [[layers.Conv2D(2, 3)], [layers.Conv2D(2, 3), layers.Rescaling(2.0)], []])
def test_a_model_that_does_not_scale_is_seen(stack: Any) -> None:
    assert not scales_pixels_itself(model_of(*stack))


def test_a_network_with_its_own_preprocessing_is_seen() -> None:
    network = keras.applications.MobileNetV3Small(input_shape=(32, 32, 3), weights=None, classes=2)

    assert scales_pixels_itself(network)


def test_uint8_is_handed_over_as_it_is() -> None:
    assert pixel_scale_for(model_of(layers.Rescaling(1 / 255), dtype="uint8"), None, "it") is None
    with pytest.raises(InputError, match="it takes uint8 pixels as they are: leave out --pixel-scale"):
        pixel_scale_for(model_of(layers.Rescaling(1 / 255), dtype="uint8"), (1.0, 0.0), "it")


def test_what_is_told_counts_more_than_what_is_seen() -> None:
    assert pixel_scale_for(model_of(layers.Rescaling(2.0, -1)), (1 / 255, 0.0), "it") == (1 / 255, 0.0)


def test_what_is_neither_told_nor_seen_is_asked_for() -> None:
    with pytest.raises(InputError, match="it has no Rescaling or Normalization layer before its first layer, so say"):
        pixel_scale_for(model_of(), None, "it")
