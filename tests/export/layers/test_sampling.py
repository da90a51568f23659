"""Few values stand for a whole answer, and every channel is among them."""

from __future__ import annotations

import numpy as np
import pytest

from export.layers.sampling import SPREAD, choose_positions, spread_evenly


@pytest.mark.parametrize("shape", [(30, 30, 64), (3, 3, 1280), (200, 300), (4096,)])
def test_every_channel_is_met_where_it_is_largest(shape: tuple[int, ...]) -> None:
    answers = np.random.default_rng(0).normal(size=(4, *shape)).astype(np.float32)

    positions = choose_positions(answers)

    kept = np.abs(answers.reshape(4, -1)[:, positions])
    channels = positions % shape[-1]
    largest = np.array([kept[:, channels == channel].max() for channel in range(shape[-1])])
    np.testing.assert_array_equal(largest, np.abs(answers).reshape(-1, shape[-1]).max(axis=0))
    assert len(positions) <= SPREAD + shape[-1]


def test_the_same_answers_give_the_same_positions_in_order() -> None:
    answers = np.random.default_rng(0).normal(size=(2, 20, 20, 8)).astype(np.float32)

    first, second = choose_positions(answers), choose_positions(answers.copy())

    np.testing.assert_array_equal(first, second)
    assert (np.diff(first) > 0).all()


def test_a_small_answer_is_kept_whole() -> None:
    assert choose_positions(np.ones((3, 5), np.float32)).tolist() == [0, 1, 2, 3, 4]
    assert choose_positions(np.ones(3, np.float32)).tolist() == [0]


def test_places_that_are_not_finite_in_every_example_are_left_out() -> None:
    answers = np.ones((2, 4), np.float32)
    answers[0, 1], answers[1, 3] = np.nan, -np.inf

    assert choose_positions(answers).tolist() == [0, 2]
    assert choose_positions(np.full((2, 4), np.nan, np.float32)).tolist() == []


def test_positions_leave_no_large_gap_and_follow_no_channel() -> None:
    chosen = spread_evenly(64 * 1000, 256)

    assert np.diff([0, *chosen, 64 * 1000]).max() < 3 * 64 * 1000 / 256
    assert len(set((chosen % 64).tolist())) > 32
