"""Every kind of fault makes a model that answers otherwise, or says that the model has no layer for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from export.model.preprocessing import ServingOptions
from export.model.serving import load_serving_model, reference_answers
from export.self_test import behaviour, pixels, weights
from export.self_test.fixtures import CLASSES, EXAMPLES, IMAGE_SHAPE, make_images, save_model
from export.self_test.kinds import KINDS

pytestmark = pytest.mark.slow

IN_MODEL = [kind for kind in KINDS if kind.in_model is not None]
NAMED = [
    "one channel × 1.01",
    "float16-rounded weights",
    "dense × 1.001",
    "division by 256",
    "height and width swapped",
    "inverted pixels",
    "two classes swapped",
    "batch normalization in training mode",
    "stale weights",
    "sign flip",
    "dropped bias",
    "wrong label order",
]


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stand_in") / "model.keras"
    save_model(path)
    return path


def answers(serving: Any) -> np.ndarray:
    (found,) = reference_answers(serving, {"image": make_images()}).values()
    return found


def test_every_kind_has_one_name_and_one_place() -> None:
    places = [(kind.in_model, kind.in_description, kind.in_folder) for kind in KINDS]

    assert len({kind.name for kind in KINDS}) == len(KINDS)
    assert all(sum(place is not None for place in given) == 1 for given in places)
    assert set(NAMED) <= {kind.name for kind in KINDS}


@pytest.mark.parametrize("kind", IN_MODEL, ids=lambda kind: kind.name)
def test_a_fault_changes_what_the_stand_in_answers(stand_in: Path, kind: Any) -> None:
    expected = answers(load_serving_model(stand_in))

    wrong = kind.in_model(load_serving_model(stand_in))

    found = answers(wrong)
    renamed = wrong.outputs[0].name != "probabilities"
    assert renamed or not np.abs(found - expected).max() <= 5e-5


@pytest.mark.parametrize("kind", IN_MODEL, ids=lambda kind: kind.name)
def test_a_fault_stays_within_its_own_model(stand_in: Path, kind: Any) -> None:
    expected = answers(load_serving_model(stand_in))

    kind.in_model(load_serving_model(stand_in))

    np.testing.assert_array_equal(answers(load_serving_model(stand_in)), expected)


def test_the_stand_in_is_the_same_in_every_call_and_answers_clearly(tmp_path: Path) -> None:
    first, second = save_model(tmp_path / "first.keras"), save_model(tmp_path / "second.keras")
    found = answers(load_serving_model(tmp_path / "first.keras"))

    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(found, answers(load_serving_model(tmp_path / "second.keras")))
    assert make_images().shape == (EXAMPLES, *IMAGE_SHAPE)
    assert set(first) == set(range(CLASSES))
    assert 0.5 < np.median(found.max(axis=1)) < 0.999


@pytest.mark.parametrize(
    "plant",
    [
        weights.scale_channel,
        weights.forget_statistics,
        pixels.divide_by_256,
        pixels.reverse_channels,
        behaviour.normalize_as_in_training,
        behaviour.drop_as_in_training,
        behaviour.change_epsilon,
        behaviour.pad_on_one_side,
    ],
)
def test_a_model_without_a_layer_for_the_fault_is_left_alone(tmp_path: Path, plant: Callable[[Any], Any]) -> None:
    image = keras.Input((4, 4, 1), dtype="uint8")
    keras.Model(image, keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(image))).save(
        tmp_path / "model.keras"
    )

    assert plant(load_serving_model(tmp_path / "model.keras")) is None


def test_a_fault_that_would_change_no_number_is_none(tmp_path: Path) -> None:
    image = keras.Input((4, 4, 1), dtype="uint8")
    model = keras.Model(image, keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(image)))
    model.layers[-1].kernel.assign(np.ones((16, 3)))
    model.save(tmp_path / "model.keras")

    assert weights.drop_bias(load_serving_model(tmp_path / "model.keras")) is None
    assert weights.round_to_float16(load_serving_model(tmp_path / "model.keras")) is None


@pytest.mark.parametrize("plant", [pixels.swap_height_and_width, pixels.invert, pixels.augment])
def test_a_model_that_takes_no_pixels_has_none_that_could_be_wrong(tmp_path: Path, plant: Callable[[Any], Any]) -> None:
    values = keras.Input((4,))
    keras.Model(values, keras.layers.Dense(3)(values)).save(tmp_path / "model.keras")
    serving = load_serving_model(tmp_path / "model.keras", ServingOptions(is_classifier=False))

    assert plant(serving) is None
    assert behaviour.leave_softmax_out(serving) is None


def test_one_value_cannot_be_swapped_with_another(tmp_path: Path) -> None:
    values = keras.Input((4,))
    keras.Model(values, keras.layers.Dense(1)(values)).save(tmp_path / "model.keras")

    assert (
        behaviour.swap_classes(load_serving_model(tmp_path / "model.keras", ServingOptions(is_classifier=False)))
        is None
    )


def test_the_scale_of_a_model_that_is_given_scaled_pixels_becomes_wrong(tmp_path: Path) -> None:
    image = keras.Input((4, 4, 1))
    keras.Model(image, keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(image))).save(
        tmp_path / "model.keras"
    )
    serving = load_serving_model(tmp_path / "model.keras", ServingOptions(pixel_scale=(1 / 255, 0.0)))

    (part,) = pixels.divide_by_256(serving).preprocessing.parts

    assert part.scale == (pytest.approx(1 / 256), 0.0)


def test_a_softmax_behind_the_model_can_be_left_out(tmp_path: Path) -> None:
    image = keras.Input(IMAGE_SHAPE, dtype="uint8")
    keras.Model(image, keras.layers.Dense(3)(keras.layers.Flatten()(image))).save(tmp_path / "model.keras")

    found = answers(behaviour.leave_softmax_out(load_serving_model(tmp_path / "model.keras")))

    assert np.abs(found.sum(axis=1) - 1).max() > 1


@pytest.mark.parametrize(("strides", "kernel"), [(1, 3), (2, 3), (2, 5), (3, 2)])
def test_padding_on_one_side_keeps_the_size(tmp_path: Path, strides: int, kernel: int) -> None:
    image = keras.Input(IMAGE_SHAPE, dtype="uint8")
    x = keras.layers.Conv2D(2, kernel, strides=strides, padding="same")(keras.layers.Rescaling(1 / 255)(image))
    keras.Model(image, keras.layers.Dense(3)(keras.layers.Flatten()(x))).save(tmp_path / "model.keras")
    options = ServingOptions(is_classifier=False)
    expected = load_serving_model(tmp_path / "model.keras", options)

    wrong = behaviour.pad_on_one_side(load_serving_model(tmp_path / "model.keras", options))

    images = {wrong.inputs[0].name: make_images()}
    (before,), (after,) = reference_answers(expected, images).values(), reference_answers(wrong, images).values()
    assert before.shape == after.shape


def test_swapped_classes_are_swapped(stand_in: Path) -> None:
    expected, found = (
        answers(load_serving_model(stand_in)),
        answers(behaviour.swap_classes(load_serving_model(stand_in))),
    )

    np.testing.assert_array_equal(found, expected[:, [1, 0, 2, 3, 4]])


def test_height_and_width_are_swapped_as_bytes_are(stand_in: Path) -> None:
    serving = load_serving_model(stand_in)
    (part,) = serving.preprocessing.parts
    images = make_images()

    found = pixels.swap_height_and_width(serving).preprocessing.arguments([images])

    expected = images.reshape(-1, 10, 12, 3).transpose(0, 2, 1, 3)
    np.testing.assert_array_equal(np.asarray(found), expected)
    assert part.spec.shape == (None, *IMAGE_SHAPE)


def test_a_wrong_description_is_the_only_thing_that_differs(published: Path) -> None:
    from export.folder.manifest import read_manifest

    description = read_manifest(published).description
    (kind,) = [kind for kind in KINDS if kind.in_description is not None]

    wrong = kind.in_description(description)

    assert wrong.class_names == tuple("9876543210")
    assert dataclasses.replace(wrong, class_names=description.class_names) == description
