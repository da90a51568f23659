"""Names of arrays as people write them: what each means, and where that can't be known."""

from __future__ import annotations

import re

import pytest

from tuning.data.arrays.array_names import find_arrays
from tuning.errors import InputError

EXACT = ["x_train", "y_train", "x_test", "y_test"]


def refuse(names, message):
    with pytest.raises(InputError, match=re.escape(message)):
        find_arrays(names, source="given.npz")


@pytest.mark.parametrize(
    "names",
    [
        EXACT,
        ["X_train", "y_train", "X_test", "y_test"],
        ["X_TRAIN", "Y_TRAIN", "X_TEST", "Y_TEST"],
        ["train_images", "train_labels", "test_images", "test_labels"],
        ["trainX", "trainy", "testX", "testy"],
        ["xTrain", "yTrain", "xTest", "yTest"],
        ["images_train", "labels_train", "images_test", "labels_test"],
        ["training_data", "training_targets", "testing_data", "testing_targets"],
        ["train image", "train label", "test image", "test label"],
        ["train-inputs", "train-target", "test-inputs", "test-target"],
    ],
)
def test_usual_names_are_understood(names):
    assert find_arrays(names, source="given.npz") == dict(zip(EXACT, names, strict=True))


@pytest.mark.parametrize(
    "names",
    [
        ("x_val", "y_val"),
        ("x_valid", "y_valid"),
        ("X_validation", "Y_validation"),
        ("val_images", "val_labels"),
        ("valid_data", "valid_targets"),
        ("valX", "valy"),
    ],
)
def test_usual_names_to_validate_with_are_understood(names):
    found = find_arrays([*EXACT, *names], source="given.npz")

    assert (found["x_validation"], found["y_validation"]) == names


@pytest.mark.parametrize(
    "names",
    [("x", "y"), ("X", "y"), ("images", "labels"), ("image", "label"), ("data", "target"), ("features", "labels")],
)
def test_names_without_a_part_are_to_train_on(names):
    assert find_arrays([*names, "notes"], source="given.npz") == dict(zip(EXACT[:2], names, strict=True))


def test_names_without_a_part_mean_nothing_beside_those_with_one():
    assert find_arrays([*EXACT, "x", "labels"], source="given.npz") == {name: name for name in EXACT}


def test_the_exact_names_count_more_than_others():
    others = ["X_train", "train_images", "train_labels", "test_data", "x_val", "x_validation", "y_val", "y_validation"]

    exact = [*EXACT, "x_validation", "y_validation", "class_names"]
    assert find_arrays([*others, *exact], source="given.npz") == {name: name for name in exact}


def test_inputs_keep_their_own_names():
    names = ["X_train_left", "x_train_Right", "y_train", "x_test_left", "X_test_Right", "y_test", "images"]

    assert find_arrays([*names, "x_val_left", "x_val_Right", "y_val"], source="given.npz") == {
        "x_train_left": "X_train_left",
        "x_train_Right": "x_train_Right",
        "y_train": "y_train",
        "x_test_left": "x_test_left",
        "x_test_Right": "X_test_Right",
        "y_test": "y_test",
        "x_validation_left": "x_val_left",
        "x_validation_Right": "x_val_Right",
        "y_validation": "y_val",
    }


def test_two_arrays_for_one_name_are_refused():
    refuse(["X_train", "train_images", "y_train"], "given.npz holds X_train and train_images, which may both mean x_tr")
    refuse([*EXACT, "x_val", "x_valid", "y_val"], "given.npz holds x_val and x_valid, which may both mean x_validation")
    refuse(["x", "images", "y"], "given.npz holds x and images, which may both mean x_train: keep one of them")


def test_what_is_missing_is_told_with_what_was_found():
    refuse(
        ["arr_0", "arr_1"],
        "given.npz lacks x_train and y_train: it must hold x_train and y_train, and x_test and y_test unless a sixth "
        "of the examples is to be set apart for the test, found arr_0, arr_1",
    )
    refuse([], "the test, found nothing")
    refuse(["x_train", "x_test", "y_test"], "given.npz lacks y_train: it must hold")
    refuse(["labels"], "given.npz lacks x_train: it must hold")


def test_a_test_without_labels_is_told_so():
    refuse(
        ["x_train", "y_train", "test_images"],
        "given.npz lacks y_test: add it to x_test, or leave both out to have a sixth of the training examples set "
        "apart for the test, found x_train, y_train, test_images",
    )
    refuse(["x_train", "y_train", "y_test"], "given.npz lacks x_test: add it to y_test, or leave both out")
