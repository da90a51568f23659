"""Synthetic inputs: in shape, in range, the same every time, and on both sides of a boundary."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from export.comparison.stress import NOISE, PAIRS, stress_arrays, stress_images

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (60, 5, 4, 3), dtype=np.uint8)
KERNEL = RANDOM.normal(0, 1, (60, 4)).astype(np.float32)
PATTERNS = 2 + 16 + 6 + NOISE


def ask(images: np.ndarray) -> np.ndarray:
    """A linear classifier's answers."""
    scores = images.reshape(len(images), -1) @ KERNEL / 100
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    return (exponentials / exponentials.sum(axis=1, keepdims=True)).astype(np.float32)


def test_stress_images_have_the_shape_and_dtype_of_the_images() -> None:
    found = stress_images(IMAGES, ask)

    assert found.shape == (PATTERNS + 2 * PAIRS, 5, 4, 3)
    assert found.dtype == np.uint8


def test_stress_images_are_the_same_every_time() -> None:
    np.testing.assert_array_equal(stress_images(IMAGES, ask), stress_images(IMAGES.copy(), ask))


def test_black_white_single_pixels_and_checkerboards_are_among_them() -> None:
    found = stress_images(IMAGES, ask)

    assert (found[0] == 0).all()
    assert (found[1] == 255).all()
    assert [int((image > 0).any(axis=-1).sum()) for image in found[2:18]] == [1] * 16
    assert set(np.unique(found[18:24])) == {0, 255}
    np.testing.assert_array_equal(found[18].astype(int) + found[19], np.full((5, 4, 3), 255))
    assert (found[18][0, 0] != found[18][0, 1]).all()


def test_images_smaller_than_the_single_pixels_have_one_for_each_place() -> None:
    found = stress_images(RANDOM.integers(0, 256, (9, 2, 3, 1), dtype=np.uint8), lambda images: ask_first(len(images)))

    assert len(found) == 2 + 6 + 6 + NOISE


def ask_first(count: int) -> np.ndarray:
    return np.tile(np.array([0.9, 0.1], np.float32), (count, 1))


def test_the_pairs_lie_on_both_sides_of_the_boundary_and_next_to_it() -> None:
    found = stress_images(IMAGES, ask)[PATTERNS:]
    before, behind = found[:PAIRS], found[PAIRS:]

    assert (ask(before).argmax(axis=1) != ask(behind).argmax(axis=1)).all()
    # A 256th of the way from one image to the other is one level at most, and rounding one more.
    assert np.abs(before.astype(int) - behind).max() <= 2


def test_the_answers_next_to_the_boundary_are_closer_than_those_of_ordinary_images() -> None:
    def margin(images: np.ndarray) -> float:
        top = np.sort(ask(images), axis=1)
        return float(np.median(top[:, -1] - top[:, -2]))

    assert margin(stress_images(IMAGES, ask)[PATTERNS:]) < margin(IMAGES) / 10


def test_where_all_labels_are_equal_there_is_no_boundary() -> None:
    found = stress_images(IMAGES, lambda images: ask_first(len(images)))

    assert len(found) == PATTERNS


def test_fewer_images_than_pairs_are_used_once_each() -> None:
    found = stress_images(IMAGES[:7], ask)

    assert len(found) == PATTERNS + 2 * 7


def column(name: str) -> Any:
    return {
        "tokens": RANDOM.integers(3, 90, (50, 7)).astype(np.int32),
        "large": RANDOM.integers(0, 2**62, (50, 2)).astype(np.int64),
        "levels": RANDOM.integers(0, 256, (50, 3), dtype=np.uint8),
        "floats": RANDOM.normal(2, 3, (50, 4)).astype(np.float32),
        "flags": RANDOM.random((50, 5)) < 0.5,
        "numbers": RANDOM.normal(0, 1, 50).astype(np.float32),
        "enormous": np.full((50, 2), 3e38, np.float32) * np.sign(RANDOM.normal(0, 1, (50, 2))).astype(np.float32),
    }[name]


@pytest.mark.parametrize("name", ["tokens", "large", "levels", "floats", "flags", "numbers", "enormous"])
def test_stress_arrays_have_the_shape_and_dtype_of_the_examples_and_are_finite(name: str) -> None:
    array = column(name)

    found = stress_arrays({name: array})[name]

    assert found.dtype == array.dtype
    assert found.shape == (48, *array.shape[1:])
    assert np.isfinite(found).all()


@pytest.mark.parametrize("name", ["tokens", "large", "levels"])
def test_whole_numbers_stay_in_the_range_of_the_examples_and_reach_its_ends(name: str) -> None:
    array = column(name)

    found = stress_arrays({name: array})[name]

    assert (found.min(axis=0) == array.min(axis=0)).all()
    assert (found.max(axis=0) == array.max(axis=0)).all()


def test_fractions_go_beyond_the_range_of_the_examples() -> None:
    array = column("floats")

    found = stress_arrays({"floats": array})["floats"]

    assert (found.min(axis=0) < array.min(axis=0)).all()
    assert (found.max(axis=0) > array.max(axis=0)).all()


def test_truth_values_are_both() -> None:
    assert set(np.unique(stress_arrays({"flags": column("flags")})["flags"])) == {False, True}


def test_several_inputs_have_as_many_examples_and_are_the_same_every_time() -> None:
    inputs = {name: column(name) for name in ("tokens", "floats", "flags")}

    first, second = stress_arrays(inputs), stress_arrays(inputs)

    assert {len(array) for array in first.values()} == {48}
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])
