"""Learning curves as a picture file."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

from tuning.runs.curves import plot_curves


@pytest.mark.parametrize(
    "changes",
    [{}, {"val_loss": None, "val_accuracy": None}, {"loss": math.nan, "val_loss": None}],
    ids=["validated", "not validated", "diverged"],
)
def test_curves_become_a_picture_with_something_on_it(tmp_path, make_epoch, changes):
    plot_curves([make_epoch(loss=1.0), make_epoch(**changes)], tmp_path / "curves.png", title="a run")
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.size == (1200, 480)
        assert len(np.unique(np.asarray(picture.convert("L")))) > 2
    assert [path.name for path in tmp_path.iterdir()] == ["curves.png"]


def test_a_single_epoch_can_be_drawn(tmp_path, make_epoch):
    plot_curves([make_epoch()], tmp_path / "curves.png", title="a run")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_validation_is_drawn_where_there_is_some(tmp_path, make_epoch):
    plot_curves([make_epoch(), make_epoch()], tmp_path / "with.png", title="a run")
    without = make_epoch(val_loss=None, val_accuracy=None)
    plot_curves([without, without], tmp_path / "without.png", title="a run")
    assert (tmp_path / "with.png").read_bytes() != (tmp_path / "without.png").read_bytes()
