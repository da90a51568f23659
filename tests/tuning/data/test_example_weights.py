"""Weights of training examples: as they are given, by an array or by class."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.data.example_weights import parse_class_weights, weigh_as_asked, weigh_classes, weigh_examples
from tuning.data.search_data import SearchData
from tuning.data.sources.from_python import from_arrays
from tuning.data.sources.paths.npz import load_npz
from tuning.errors import InputError
from tuning.runs.recorded_data import describe_dataset, load_recorded_dataset


@pytest.fixture
def file(tmp_path, arrays):
    """An npz file without test examples, whose training example i weighs i."""
    count = len(arrays["x_train"])
    np.savez(tmp_path / "weighed.npz", x=arrays["x_train"], y=arrays["y_train"], importance=np.arange(count))
    return tmp_path / "weighed.npz"


@given(weights=st.lists(st.floats(0, 1e12), min_size=6, max_size=6).filter(lambda given: max(given) > 0))
def test_weights_keep_their_proportions_and_have_the_mean_1(weights):
    training = np.zeros((6, 4, 4), np.uint8), np.arange(6) % 2
    found = weigh_examples(from_arrays(training, training), weights).training.weights
    assert found.dtype == np.float32
    assert found.mean() == pytest.approx(1, rel=1e-5)
    assert np.allclose(found * max(weights), np.array(weights) * found.max(), rtol=1e-5)


def test_weights_go_with_their_examples(digits):
    weighed = weigh_examples(digits, np.arange(len(digits.training)))
    data = SearchData.of(weighed, seed=0)
    by_image = dict(zip((image.tobytes() for image in weighed.training.images), weighed.training.weights, strict=True))
    assert all(
        by_image[image.tobytes()] == weight
        for image, weight in zip(data.training.images, data.training.weights, strict=True)
    )
    assert data.everything.weights is weighed.training.weights


def test_weights_are_a_part_of_what_the_data_is(digits):
    digests = {weigh_examples(digits, np.arange(len(digits.training)) + start).digest for start in (0, 0, 5)}
    assert len({digits.digest, *digests}) == 3


def test_a_class_weighs_what_it_is_given(digits):
    weights = weigh_as_asked(digits, "3=2, 4=0").training.weights
    by_class = [set(weights[digits.training.labels == label].tolist()) for label in range(10)]
    assert by_class[4] == {0.0}
    assert by_class[3] == {2 * by_class[0].copy().pop()}


def test_weights_of_classes_multiply_those_of_examples(digits):
    count = np.arange(len(digits.training)) + 1
    both = weigh_classes(weigh_examples(digits, count), {"3": 2.0}).training.weights
    expected = count * np.where(digits.training.labels == 3, 2.0, 1.0)
    assert np.allclose(both, expected / expected.mean(), rtol=1e-5)


def test_an_array_of_a_file_weighs_what_is_left_after_the_test_was_set_apart(file):
    dataset = weigh_as_asked(load_npz(file, weights="importance"), "importance")
    plain = load_npz(file)
    order = {image.tobytes(): number for number, image in enumerate(np.load(file)["x"])}
    expected = np.array([order[image.tobytes()] for image in plain.training.images])
    assert np.allclose(dataset.training.weights, expected / expected.mean(), rtol=1e-5)
    assert np.array_equal(dataset.test.for_verification().images, plain.test.for_verification().images)
    assert plain.training.weights is None


@pytest.mark.parametrize("asked", ["importance", "1=3"])
def test_a_run_finds_its_weights_again(file, asked):
    dataset = weigh_as_asked(load_npz(file, weights="importance" if asked == "importance" else None), asked)
    again = load_recorded_dataset(describe_dataset(dataset, validation=1, path=file))
    assert again.digest == dataset.digest
    assert np.array_equal(again.training.weights, dataset.training.weights)


def test_an_array_that_is_not_there_is_refused(file):
    with pytest.raises(InputError, match=r"weighed\.npz holds no weight for `sample_weight`, but x, y, importance"):
        load_npz(file, weights="weight")


def test_an_array_is_for_files(digits):
    with pytest.raises(InputError, match="`sample_weight` importance names an array of an npz file"):
        weigh_as_asked(digits, "importance")


def test_too_few_weights_are_refused_before_the_test_is_set_apart(tmp_path, arrays):
    np.savez(tmp_path / "few.npz", x=arrays["x_train"], y=arrays["y_train"], w=np.ones(3))
    with pytest.raises(
        InputError, match=r"sample_weight has shape \(3,\) but y_train \(\d+,\).*\(.*sample_weight is called w\)"
    ):
        load_npz(tmp_path / "few.npz", weights="w")


@pytest.mark.parametrize("asked", ["a=b", "=2", "1=-1", "1=nan", "1=inf", "1=2,", "1=2,3"])
def test_what_is_no_weight_of_a_class_is_refused(asked):
    with pytest.raises(InputError, match="`sample_weight` must be the name of an array, or CLASS=WEIGHT,…"):
        parse_class_weights(asked)


def test_two_weights_for_a_class_are_refused():
    with pytest.raises(InputError, match="`sample_weight` gives class 1 two weights: keep one of them"):
        parse_class_weights("1=2,1=3")


def test_a_class_that_is_not_there_is_refused(digits):
    with pytest.raises(InputError, match="`sample_weight` names class cat, but digits has 0, 1, 2"):
        weigh_classes(digits, {"cat": 2.0})


def test_data_without_classes_has_no_weights_of_classes(digits):
    plain = dataclasses.replace(digits, class_names=())
    with pytest.raises(InputError, match="digits has no classes that could have weights"):
        weigh_classes(plain, {"1": 2.0})


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (lambda count: np.ones(count + 1), "has shape .* for .* training examples: give one weight for each"),
        (lambda count: np.ones((count, 2)), "has shape .* for .* training examples: give one weight for each"),
        (lambda count: np.ones((1, count)), "has shape .* for .* training examples: give one weight for each"),
        (lambda count: np.array(["much"] * count), "has dtype <U4 but must hold numbers"),
        (lambda count: np.ones(count) * 1j, "has dtype complex128 but must hold numbers"),
        (lambda count: -np.ones(count), "must hold weights of 0 or more, and neither NaN nor infinity"),
        (lambda count: np.full(count, np.nan), "must hold weights of 0 or more, and neither NaN nor infinity"),
        (lambda count: np.full(count, np.inf), "must hold weights of 0 or more, and neither NaN nor infinity"),
        (lambda count: np.zeros(count), "gives all training examples the weight 0: some must count"),
    ],
)
def test_what_is_no_weight_of_an_example_is_refused(digits, weights, message):
    with pytest.raises(InputError, match=f"`sample_weight` {message}"):
        weigh_examples(digits, weights(len(digits.training)))
