"""Changes to weights do what their names say, nothing else, and the same again from their record."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.formats.weights import Weight
from export.sensitivity.changes import (
    LARGEST_SIZE,
    SMALLEST_SIZE,
    Change,
    ChangeKind,
    draw_change,
    strongest_channel,
    strongest_values,
)

RANDOM = np.random.default_rng(0)
KERNEL = Weight(values=RANDOM.normal(0, 1, (4, 3, 2)).astype(np.float32), channel_axis=1)
BIAS = Weight(values=RANDOM.normal(0, 1, 3).astype(np.float32), channel_axis=0)
SCALAR = Weight(values=np.array(0.5, np.float32), channel_axis=None)
WEIGHTS = {"kernel": KERNEL, "bias": BIAS, "scalar": SCALAR}


def changed_places(change: Change, weight: Weight) -> np.ndarray:
    return np.argwhere(change.apply(weight) != weight.values)


def test_a_scaled_channel_is_the_only_one_that_moves() -> None:
    found = Change(kind=ChangeKind.CHANNEL_SCALED, weight="kernel", place=2, size=0.01).apply(KERNEL)

    np.testing.assert_allclose(found[:, 2], KERNEL.values[:, 2] * 1.01, rtol=1e-6)
    np.testing.assert_array_equal(found[:, :2], KERNEL.values[:, :2])


def test_a_zeroed_channel_is_the_only_one_that_moves() -> None:
    found = Change(kind=ChangeKind.CHANNEL_ZEROED, weight="kernel", place=0).apply(KERNEL)

    assert not found[:, 0].any()
    np.testing.assert_array_equal(found[:, 1:], KERNEL.values[:, 1:])


def test_swapped_channels_take_each_others_place() -> None:
    found = Change(kind=ChangeKind.CHANNELS_SWAPPED, weight="kernel", place=0, other=2).apply(KERNEL)

    np.testing.assert_array_equal(found, KERNEL.values[:, [2, 1, 0]])


def test_everything_is_scaled() -> None:
    found = Change(kind=ChangeKind.ALL_SCALED, weight="kernel", size=-0.1).apply(KERNEL)

    np.testing.assert_allclose(found, KERNEL.values * 0.9, rtol=1e-6)


def test_a_flipped_sign_is_one_value() -> None:
    found = Change(kind=ChangeKind.SIGN_FLIPPED, weight="kernel", place=5).apply(KERNEL)

    assert found.flat[5] == -KERNEL.values.flat[5]
    assert (found != KERNEL.values).sum() == 1


def test_a_replaced_value_moves_by_its_size_in_root_mean_squares() -> None:
    weight = Weight(values=np.full(4, 2.0, np.float32), channel_axis=0)

    found = Change(kind=ChangeKind.VALUE_REPLACED, weight="bias", place=3, size=0.5).apply(weight)

    assert found.tolist() == [2.0, 2.0, 2.0, 3.0]


def test_a_dropped_bias_is_zero() -> None:
    assert not Change(kind=ChangeKind.BIAS_DROPPED, weight="bias").apply(BIAS).any()


def test_rounding_leaves_what_half_precision_can_hold() -> None:
    weight = Weight(values=np.array([0.5, 1 / 3, 1e6], np.float32), channel_axis=0)

    found = Change(kind=ChangeKind.ROUNDED, weight="bias").apply(weight)

    assert found.tolist() == [0.5, float(np.float16(1 / 3)), float("inf")]


def test_noise_has_its_size_and_comes_from_its_seed() -> None:
    weight = Weight(values=np.full(10_000, 3.0, np.float32), channel_axis=0)
    change = Change(kind=ChangeKind.NOISE, weight="bias", size=0.01, seed=4)

    assert (change.apply(weight) - weight.values).std() == pytest.approx(0.03, rel=0.05)
    np.testing.assert_array_equal(change.apply(weight), change.apply(weight))


@pytest.mark.parametrize(("bit", "found"), [(31, -1.0), (0, 1 + 2**-23), (23, 0.5), (30, float("inf"))])
def test_a_flipped_bit_is_one_bit(bit: int, found: float) -> None:
    weight = Weight(values=np.array([1.0, 1.0], np.float32), channel_axis=0)

    change = Change(kind=ChangeKind.BIT_FLIPPED, weight="bias", place=1, other=bit)

    assert change.apply(weight).tolist() == [1.0, found]


@pytest.mark.parametrize("seed", range(200))
def test_a_change_can_be_made_again_from_its_record(seed: int) -> None:
    change = draw_change(WEIGHTS, seed)
    weight = WEIGHTS[change.weight]
    before = weight.values.copy()

    again = Change.from_json(json.loads(json.dumps(change.as_json())))

    assert again == change == draw_change(WEIGHTS, seed)
    np.testing.assert_array_equal(again.apply(weight), change.apply(weight))
    assert change.apply(weight).shape == weight.values.shape
    assert change.apply(weight).dtype == np.float32
    np.testing.assert_array_equal(weight.values, before)


def test_every_kind_and_every_weight_is_drawn() -> None:
    drawn = [draw_change(WEIGHTS, seed) for seed in range(500)]

    assert {change.kind for change in drawn} == set(ChangeKind)
    assert {change.weight for change in drawn} == set(WEIGHTS)


def test_sizes_of_every_order_of_magnitude_are_drawn() -> None:
    sizes = np.abs([draw_change(WEIGHTS, seed).size for seed in range(500)])

    assert sizes.min() >= SMALLEST_SIZE
    assert sizes.max() <= LARGEST_SIZE
    assert (np.histogram(np.log10(sizes), bins=7, range=(-7, 0))[0] > 30).all()


@given(seed=st.integers(0, 2**32))
def test_two_different_channels_are_swapped(seed: int) -> None:
    change = draw_change({"kernel": KERNEL}, seed)

    assert change.kind is not ChangeKind.CHANNELS_SWAPPED or change.place != change.other


def test_only_what_has_one_value_for_each_channel_is_dropped_as_a_bias() -> None:
    drawn = [draw_change(WEIGHTS, seed) for seed in range(500)]

    assert {change.weight for change in drawn if change.kind is ChangeKind.BIAS_DROPPED} == {"bias", "scalar"}


def test_nothing_can_be_drawn_without_weights() -> None:
    with pytest.raises(ValueError, match="there must be at least one weight to change, got none"):
        draw_change({}, 0)


def test_the_strongest_channel_and_its_strongest_value_are_found() -> None:
    values = np.zeros((2, 3, 2), np.float32)
    values[1, 2, 0], values[0, 2, 1], values[0, 0, 0] = -5, 4, 6
    weight = Weight(values=values, channel_axis=1)

    assert strongest_channel(weight) == 2
    assert [values.flat[number] for number in strongest_values(weight, 2, 1)] == [-5]
