"""Test examples drawn from those to train on: a sixth of each class, the same for the same seed."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.data.drawn_test import with_test
from tuning.errors import InputError


def made(counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    return {"x_train": np.arange(len(labels)), "y_train": labels}


@given(counts=st.lists(st.integers(2, 40), min_size=1, max_size=5), seed=st.integers(0, 2**32))
def test_a_sixth_of_each_class_is_drawn_and_no_example_is_lost(counts, seed):
    arrays = made(counts)

    done = with_test(arrays, seed=seed)

    assert np.bincount(done["y_test"]).tolist() == [max(round(count / 6), 1) for count in counts]
    assert sorted([*done["x_train"], *done["x_test"]]) == arrays["x_train"].tolist()
    assert (arrays["y_train"][done["x_test"]] == done["y_test"]).all()
    assert (arrays["y_train"][done["x_train"]] == done["y_train"]).all()
    assert (np.diff(done["x_train"]) > 0).all()
    assert (np.diff(done["x_test"]) > 0).all()


def test_the_same_seed_draws_alike_and_another_does_not():
    first, again, other = (with_test(made([60, 60]), seed=seed)["x_test"].tolist() for seed in (0, 0, 1))

    assert first == again
    assert first != other


@pytest.mark.parametrize("labels", [np.linspace(0, 1, 60), np.zeros((60, 3))])
def test_of_numbers_to_predict_a_sixth_of_all_is_drawn(labels):
    done = with_test({"x_train": np.arange(60), "y_train": labels}, seed=0)

    assert (len(done["y_test"]), len(done["x_train"])) == (10, 50)


def test_a_column_of_classes_is_drawn_from_by_class():
    arrays = made([12, 6])

    done = with_test({**arrays, "y_train": arrays["y_train"][:, None]}, seed=0)

    assert done["y_test"][:, 0].tolist() == [0, 0, 1]


def test_every_input_is_drawn_from_and_other_arrays_stay():
    arrays = {"x_train_a": np.arange(12), "x_train_b": np.arange(12) * 2, "y_train": np.zeros(12, int)}
    others = {"x_validation_a": np.arange(3), "class_names": np.array(["a", "b"])}

    done = with_test({**arrays, **others}, seed=0)

    assert (done["x_test_a"] * 2).tolist() == done["x_test_b"].tolist()
    assert {key: done[key].tolist() for key in others} == {key: array.tolist() for key, array in others.items()}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"y_train": np.array([0, 0, 1])},
            "class 1 of y_train has 1 examples but needs 2 or more, one to train and one",
        ),
        ({"y_train": np.array([0.5]), "x_train": np.zeros(1)}, "the training set has 1 examples but needs 2 or more"),
        ({"x_train": np.zeros(4)}, "x_train has shape (4,) but y_train (3,): give a label for each example, and every"),
        ({"y_train": np.array(1)}, "x_train has shape (3,) but y_train (): give a label for each example"),
    ],
)
def test_what_cannot_be_drawn_from_is_refused(changes, message):
    arrays = {"x_train": np.zeros(3), "y_train": np.zeros(3, int), **changes}

    with pytest.raises(InputError, match=re.escape(message)):
        with_test(arrays, seed=0)
