"""Folds of the training examples: each in one of them, each class evenly spread."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.data.folds import Folds
from tuning.data.search_data import SearchData
from tuning.errors import InputError


@given(count=st.integers(2, 12), seed=st.integers(0, 10))
def test_every_example_validates_once_and_every_fold_has_its_share_of_each_class(digits, count, seed):
    folds = Folds.of(digits, count=count, seed=seed)
    everyone = np.concatenate(folds.parts)
    assert sorted(everyone) == list(range(len(digits.training)))
    labels = digits.training.labels
    for label in range(10):
        shares = [int((labels[part] == label).sum()) for part in folds.parts]
        assert max(shares) - min(shares) <= 1
    sizes = [len(part) for part in folds.parts]
    assert max(sizes) - min(sizes) <= 10


def test_a_fold_validates_what_the_others_train(digits):
    folds = Folds.of(digits, count=3, seed=0)
    training, validation = folds.split(1)
    assert len(training) + len(validation) == len(digits.training)
    assert np.array_equal(validation.images, digits.training.images[folds.parts[1]])


def test_the_search_validates_with_the_first_fold(digits):
    data = SearchData.of(digits, seed=3, folds=4)
    assert data.folds is not None
    assert np.array_equal(data.validation.images, data.folds.split(0)[1].images)
    assert len(data.everything) == len(data.training) + len(data.validation)


def test_the_same_seed_gives_the_same_folds_and_another_one_others(digits):
    one, same, other = (Folds.of(digits, count=3, seed=seed).parts[0] for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_single_fold_is_refused(digits):
    with pytest.raises(InputError, match="`folds` must be 2 or more, got 1"):
        Folds.of(digits, count=1, seed=0)


def test_more_folds_than_images_of_a_class_are_refused(digits):
    with pytest.raises(InputError, match=r"class 0 has \d+ training images, too few for 1000 folds: ask for fewer"):
        Folds.of(digits, count=1000, seed=0)


def test_data_with_validation_images_of_its_own_is_refused(digits):
    own = dataclasses.replace(digits, validation=digits.training)
    with pytest.raises(InputError, match="has validation images of its own: leave out `folds`"):
        Folds.of(own, count=3, seed=0)
