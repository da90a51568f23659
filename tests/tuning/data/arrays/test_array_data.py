"""Arrays as people have them: the same data set in whichever form, and a test set drawn where none is given."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tuning.data.array_options import STRICT, ArrayOptions
from tuning.data.arrays.array_data import dataset_from
from tuning.data.dataset import make_dataset
from tuning.errors import InputError

FORMS = {
    "column": lambda labels: labels[:, None],
    "floats": lambda labels: labels.astype(np.float32),
    "column of floats": lambda labels: labels[:, None].astype(np.float64),
    "one-hot": lambda labels: np.eye(4, dtype=np.uint8)[labels],
    "one-hot floats": lambda labels: np.eye(4)[labels],
    "names": lambda labels: np.array(list("0123"))[labels],
}


def load(arrays, class_names=None, **options):
    return dataset_from(arrays, name="given.npz", class_names=class_names, options=ArrayOptions(**options))


def reformed(arrays, form):
    return {key: form(array) if key.startswith("y_") else array for key, array in arrays.items()}


def without_test(arrays):
    return {key: array for key, array in arrays.items() if "test" not in key}


def refuse(arrays, message, **options):
    with pytest.raises(InputError, match=re.escape(message)):
        load(arrays, **options)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_same_labels_in_another_form_are_the_same_data(arrays, form):
    dataset = load(reformed(arrays, form))

    assert dataset.digest == make_dataset(arrays, name="a").digest
    assert dataset.class_names == ("0", "1", "2", "3")


def test_names_of_classes_go_with_the_data_set(arrays):
    names = np.array(["north", "east", "south", "west"])

    dataset = load(reformed(arrays, lambda labels: names[labels]))

    assert dataset.class_names == ("east", "north", "south", "west")
    assert [dataset.class_names[label] for label in dataset.training.labels] == names[arrays["y_train"]].tolist()


def test_class_names_among_the_arrays_number_the_labels_that_are_names(arrays):
    names = np.array(["north", "east", "south", "west"])

    dataset = load({**reformed(arrays, lambda labels: names[labels]), "class_names": names})

    assert dataset.digest == make_dataset(arrays, name="a").digest
    assert dataset.class_names == tuple(names)


def test_class_names_may_be_bytes(arrays):
    assert load({**arrays, "class_names": np.array([b"a", b"b", b"c", b"d"])}).class_names == tuple("abcd")


def test_class_names_that_the_labels_lack_are_refused(arrays):
    given = reformed(arrays, lambda labels: np.array(list("abcd"))[labels])

    refuse({**given, "class_names": np.array(list("abce"))}, "y_train holds the name d, but the classes are a, b, c, e")
    refuse({**given, "class_names": np.array(list("abcde"))}, "class 4 has no training images")


def test_whole_floats_with_class_names_are_classes_without_a_note(arrays):
    dataset = load({**reformed(arrays, lambda labels: labels * 1.0), "class_names": np.array(list("abcd"))})

    assert (dataset.class_names, dataset.warnings) == (tuple("abcd"), ())


def test_a_column_of_one_hot_rows_that_nothing_shows_is_refused(arrays):
    refuse(
        reformed(arrays, lambda labels: np.eye(5, dtype=np.uint8)[labels]),
        "class 4 has no training images: number the classes",
    )


def test_a_note_is_a_warning_of_the_data_set(arrays):
    assert load(reformed(arrays, lambda labels: labels * 1.0)).warnings == (
        "y_train holds the whole numbers 0 to 3 as float64, taken for 4 classes: `labels` numbers predicts them as "
        "numbers",
    )


def test_the_same_floats_are_numbers_on_demand(arrays):
    given = reformed(arrays, lambda labels: labels * 1.0)

    dataset = load(given, labels="numbers")

    assert not dataset.is_classification
    assert dataset.warnings == ()
    assert dataset.digest == dataset_from(given, name="a", options=STRICT).digest


def test_whole_numbers_are_predicted_on_demand(arrays):
    dataset = load(arrays, labels="numbers")

    assert (dataset.is_classification, dataset.training.labels.dtype) == (False, np.float32)


def test_fractions_are_no_classes_on_demand(arrays):
    given = reformed(arrays, lambda labels: labels + 0.5)

    refuse(given, "y_train has dtype float64 but labels must be whole numbers from 0", labels="classes")


def test_floats_of_a_table_are_numbers_to_predict(arrays):
    table = {key: array.reshape(len(array), -1) * 1.0 for key, array in arrays.items() if key.startswith("x_")}

    dataset = load({**reformed(arrays, lambda labels: labels * 1.0), **table})

    assert (dataset.is_classification, dataset.warnings) == (False, ())


def test_labels_of_several_inputs_stay_what_they_are(arrays):
    named = {key + "_a" if key.startswith("x_") else key: array for key, array in arrays.items()}

    column = load(reformed(named, lambda labels: labels[:, None]))
    floats = load(reformed(named, lambda labels: labels * 1.0))

    assert column.digest == load(named).digest
    assert (floats.training.labels.dtype, floats.warnings) == (np.float32, ())


def test_without_a_test_a_sixth_of_each_class_is_set_apart(arrays):
    dataset = load(without_test(arrays))

    assert (len(dataset.training), len(dataset.test)) == (32, 8)
    assert np.bincount(dataset.test.for_verification().labels).tolist() == [2, 2, 2, 2]
    assert dataset.warnings == ()


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_test_that_is_set_apart_does_not_depend_on_the_form_of_the_labels(arrays, form):
    given = without_test(arrays)

    assert load(reformed(given, form)).digest == load(given).digest


def test_the_seed_chooses_the_test_and_so_the_digest(arrays):
    first, again, other = (load(without_test(arrays), seed=seed) for seed in (0, 0, 1))

    assert first.digest == again.digest
    assert first.digest != other.digest
    assert not np.array_equal(first.test.for_verification().images, other.test.for_verification().images)


def test_the_seed_plays_no_part_where_a_test_is_given(arrays):
    assert load(arrays, seed=0).digest == load(arrays, seed=1).digest


def test_given_validation_examples_stay_whole_without_a_test(arrays):
    given = {**without_test(arrays), "x_validation": arrays["x_test"], "y_validation": arrays["y_test"]}

    assert [len(part) for part in (load(given).training, load(given).validation, load(given).test)] == [32, 20, 8]


def test_of_numbers_to_predict_a_sixth_is_set_apart(arrays):
    dataset = load({**without_test(arrays), "y_train": np.linspace(0, 1, 40)})

    assert (len(dataset.training), len(dataset.test)) == (33, 7)


def test_a_single_image_of_a_class_cannot_be_trained_and_tested(arrays):
    labels = arrays["y_train"].copy()
    labels[0] = 4

    refuse({**without_test(arrays), "y_train": labels}, "class 4 of y_train has 1 examples but needs 2 or more")


def test_strictly_read_labels_are_what_their_dtype_says(arrays):
    floats = dataset_from(reformed(arrays, lambda labels: labels * 1.0), name="a", options=STRICT)

    assert (floats.is_classification, floats.warnings, floats.arrays) == (False, (), STRICT)
