"""Which training examples integer arithmetic sees: each class alike, and the same every time."""

from __future__ import annotations

import numpy as np
import pytest

from export.publishing.calibration import CALIBRATION_EXAMPLES, choose_calibration

LABELS = np.repeat(np.arange(4), [1000, 500, 90, 2])


def test_every_class_has_the_same_share_as_far_as_it_has_examples() -> None:
    chosen = choose_calibration(LABELS, len(LABELS))

    assert CALIBRATION_EXAMPLES == 300
    assert np.bincount(LABELS[chosen]).tolist() == [75, 75, 75, 2]


def test_the_choice_is_ascending_without_repeats_and_the_same_every_time() -> None:
    chosen = choose_calibration(LABELS, len(LABELS))

    assert (np.diff(chosen) > 0).all()
    np.testing.assert_array_equal(chosen, choose_calibration(LABELS, len(LABELS)))


def test_more_classes_than_examples_still_get_one_each() -> None:
    labels = np.repeat(np.arange(7), 3)

    chosen = choose_calibration(labels, len(labels), examples=2)

    assert np.bincount(labels[chosen]).tolist() == [1] * 7


def test_without_labels_all_are_drawn_from_alike() -> None:
    chosen = choose_calibration(None, 1000, examples=50)

    assert len(chosen) == 50
    assert (np.diff(chosen) > 0).all()
    assert 0 <= chosen.min() < 100
    assert 900 < chosen.max() < 1000


@pytest.mark.parametrize("labels", [None, np.array([0, 0, 1])])
def test_of_a_few_examples_all_are_taken(labels: np.ndarray | None) -> None:
    assert choose_calibration(labels, 3).tolist() == [0, 1, 2]
