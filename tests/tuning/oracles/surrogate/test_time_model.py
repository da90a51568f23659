"""Seconds of an epoch: measured ones come back, and configurations in between take something in between."""

from __future__ import annotations

import numpy as np
import pytest

from tuning.oracles.surrogate.time_model import TimeModel


def test_an_epoch_takes_as_long_as_those_of_configurations_like_it() -> None:
    rows = np.linspace(0, 1, 9)[:, None]
    model = TimeModel(rows, 2.0 * 8.0 ** rows[:, 0])

    assert model.predict(np.array([[0.1], [0.44], [0.8]])) == pytest.approx(
        2.0 * 8.0 ** np.array([0.1, 0.44, 0.8]), rel=0.1
    )


def test_one_configuration_says_the_same_of_all() -> None:
    assert TimeModel(np.zeros((1, 0)), np.array([3.0])).predict(np.zeros((2, 0))) == pytest.approx([3.0, 3.0])
