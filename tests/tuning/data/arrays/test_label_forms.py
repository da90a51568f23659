"""Labels in every form that people have them: which are classes, how they are numbered, and what is said of it."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.data.arrays.label_forms import read_labels
from tuning.errors import InputError

NUMBERS = np.arange(40) % 4
NAMES = ("north", "east", "south", "west")


def read(labels, kind="auto", class_names=None, show_images=True, **others):
    return read_labels({"y_train": labels, **others}, kind=kind, class_names=class_names, show_images=show_images)


def refuse(message, *args, **options):
    with pytest.raises(InputError, match=re.escape(message)):
        read(*args, **options)


FORMS = {
    "numbers": NUMBERS,
    "bytes": NUMBERS.astype(np.uint8),
    "column": NUMBERS[:, None],
    "floats": NUMBERS.astype(np.float32),
    "column of floats": NUMBERS[:, None].astype(np.float64),
    "one-hot": np.eye(4, dtype=np.uint8)[NUMBERS],
    "one-hot floats": np.eye(4)[NUMBERS],
    "one-hot booleans": np.eye(4, dtype=bool)[NUMBERS],
}


@pytest.mark.parametrize("labels", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("kind", ["auto", "classes"])
def test_classes_are_numbered_whatever_form_they_have(labels, kind):
    assert read(labels, kind).labels["y_train"].tolist() == NUMBERS.tolist()


@pytest.mark.parametrize("labels", FORMS.values(), ids=FORMS)
def test_the_same_forms_are_taken_where_the_classes_have_names(labels):
    done = read(labels, class_names=NAMES)

    assert (done.labels["y_train"].tolist(), done.class_names, done.notes) == (NUMBERS.tolist(), NAMES, ())


TEXTS = {
    "text": np.array(NAMES)[NUMBERS],
    "bytes": np.array(NAMES).astype(np.bytes_)[NUMBERS],
    "objects": np.array(NAMES, dtype=object)[NUMBERS],
    "strings": np.array(NAMES, dtype=np.dtypes.StringDType())[NUMBERS],
    "column": np.array(NAMES)[NUMBERS][:, None],
    "spaces": np.array([f" {name} " for name in NAMES])[NUMBERS],
}


@pytest.mark.parametrize("labels", TEXTS.values(), ids=TEXTS)
def test_names_are_numbered_in_their_order(labels):
    done = read(labels)

    assert done.class_names == ("east", "north", "south", "west")
    assert [done.class_names[label] for label in done.labels["y_train"]] == [NAMES[label] for label in NUMBERS]
    assert done.notes == ()


@pytest.mark.parametrize("labels", TEXTS.values(), ids=TEXTS)
def test_given_class_names_say_how_names_are_numbered(labels):
    assert read(labels, class_names=NAMES).labels["y_train"].tolist() == NUMBERS.tolist()


@given(st.lists(st.sampled_from(["a", "b", "é", "猫", "10", "9"]), min_size=1))
def test_a_number_leads_back_to_its_name(names):
    done = read(np.array(names))

    assert [done.class_names[label] for label in done.labels["y_train"]] == names
    assert list(done.class_names) == sorted(set(names))


def test_other_parts_are_numbered_as_the_training_labels_are():
    done = read(np.array(["b", "a", "c"]), y_test=np.array(["c", "b"]), y_validation=np.array([b"a"]))

    assert [done.labels[key].tolist() for key in ("y_test", "y_validation")] == [[2, 1], [0]]


def test_booleans_are_two_classes():
    done = read(NUMBERS % 2 == 1)

    assert (done.labels["y_train"].tolist(), done.class_names) == ((NUMBERS % 2).tolist(), ("False", "True"))


def test_one_hot_rows_have_as_many_classes_as_columns():
    assert read(np.eye(5, dtype=int)[NUMBERS]).class_names == ("0", "1", "2", "3", "4")


def test_whole_floats_of_images_are_classes_with_a_note():
    assert read(NUMBERS.astype(float)).notes == (
        "y_train holds the whole numbers 0 to 3 as float64, taken for 4 classes: `labels` numbers predicts them as "
        "numbers",
    )


def test_one_hot_floats_of_images_are_classes_with_a_note():
    assert read(np.eye(4, dtype=np.float32)[NUMBERS]).notes == (
        "y_train holds rows with a single 1, taken for 4 classes: `labels` numbers predicts them as numbers",
    )


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        (NUMBERS + 1.0, "they do not count 0, 1, 2, … without gaps"),
        (NUMBERS * 2.0, "they do not count 0, 1, 2, … without gaps"),
        (NUMBERS - 1.0, "they do not count 0, 1, 2, … without gaps"),
        (np.array([-1.0, 0, 2, 3])[NUMBERS], "they do not count 0, 1, 2, … without gaps"),
        (NUMBERS * 0.0, "they do not count 0, 1, 2, … without gaps"),
        (np.arange(40) % 9 * 1.0, "it has 9 different ones in 40 examples"),
        (np.arange(2000) % 101 * 1.0, "it has 101 different ones in 2000 examples"),
    ],
)
def test_whole_floats_that_look_like_no_classes_are_numbers_with_a_note(labels, why):
    done = read(labels)

    assert done.labels["y_train"] is labels
    assert done.class_names is None
    assert done.notes == (
        f"y_train holds whole numbers as float64, taken for numbers to predict because {why}: `labels` classes takes "
        "them for classes",
    )


@pytest.mark.parametrize("size", [20, 500])
def test_as_many_values_as_may_be_classes_are(size):
    values = size // 5

    assert read(np.arange(size) % values * 1.0).labels["y_train"].dtype == np.int64


def test_test_labels_that_training_lacks_make_whole_floats_numbers():
    done = read(NUMBERS * 1.0, y_test=np.array([4.0]))

    assert "because y_test holds others than it:" in done.notes[0]


FRACTIONS = {
    "fractions": NUMBERS + 0.5,
    "NaN": np.where(NUMBERS == 1, np.nan, 0),
    "several": np.stack([NUMBERS, NUMBERS * 0.3], axis=1),
    "soft": np.full((40, 4), 0.25),
    "none": np.zeros(0),
}


@pytest.mark.parametrize("labels", FRACTIONS.values(), ids=FRACTIONS)
def test_other_floats_are_numbers_without_a_word(labels):
    done = read(labels)

    assert done.labels["y_train"] is labels
    assert done.notes == ()


@pytest.mark.parametrize("labels", [NUMBERS * 1.0, np.eye(4)[NUMBERS], NUMBERS[:, None] * 1.0])
def test_floats_that_label_no_images_are_numbers_without_a_word(labels):
    done = read(labels, show_images=False)

    assert done.labels["y_train"] is labels
    assert (done.class_names, done.notes) == (None, ())


@pytest.mark.parametrize("labels", FORMS.values(), ids=FORMS)
def test_any_numbers_are_predicted_on_demand(labels):
    done = read(labels, "numbers")

    assert done.labels["y_train"].shape == labels.shape
    assert np.issubdtype(done.labels["y_train"].dtype, np.floating)
    assert np.array_equal(done.labels["y_train"], labels)
    assert (done.class_names, done.notes) == (None, ())


def test_whole_floats_that_look_like_no_classes_are_classes_on_demand():
    assert read(NUMBERS + 1.0, "classes").labels["y_train"].tolist() == (NUMBERS + 1).tolist()


@pytest.mark.parametrize(
    ("message", "labels", "options"),
    [
        ("y_train has dtype float64 but labels must be whole numbers from 0", NUMBERS + 0.5, {"kind": "classes"}),
        ("y_train has dtype float64 and holds 10 NaN but", np.where(NUMBERS, 1, np.nan), {"kind": "classes"}),
        ("y_train has dtype float64 but labels must be whole", NUMBERS + 0.5, {"class_names": NAMES}),
        ("y_test has dtype float64 but labels must be whole", NUMBERS, {"y_test": np.array([0.5])}),
        ("y_train holds labels up to 1e+300 but they must be below 1000", np.array([0, 1e300]), {"kind": "classes"}),
        ("y_train holds labels up to 2000 but they must be below", np.array([0, -2000.0]), {"kind": "classes"}),
        (
            "y_train has rows of 4 values but must hold whole numbers, or one-hot rows of the 4 classes with a single",
            np.ones((40, 4), int),
            {},
        ),
        ("y_train has rows of 4 values but must", np.zeros((40, 4), int), {}),
        ("y_train has rows of 4 values but must", np.eye(4)[NUMBERS] * 0.5, {"kind": "classes"}),
        (
            "y_train has rows of 5 values but must hold whole numbers, or one-hot rows of the 4 classes",
            np.eye(5),
            {
                "class_names": NAMES,
            },
        ),
        (
            "y_test has rows of 3 values but must hold whole numbers, or one-hot rows of the 4",
            np.eye(4, dtype=int),
            {
                "y_test": np.eye(3, dtype=int),
            },
        ),
        (
            "y_test holds the name b, but the classes are a, c: add training examples of it",
            np.array(["a", "c"]),
            {
                "y_test": np.array(["b"]),
            },
        ),
        (
            "y_train holds the name up, but the classes are north, east, south, west: add",
            np.array(["up"]),
            {
                "class_names": NAMES,
            },
        ),
        (
            "y_train holds the name k, but the classes are a, b, c, d, e, f, g, h, i, j, …: add",
            np.array(["k"]),
            {
                "class_names": tuple("abcdefghijl"),
            },
        ),
        (
            "y_train holds names but y_test numbers: give both alike, or class_names with them",
            np.array(["a"]),
            {
                "y_test": NUMBERS,
            },
        ),
        ("y_test holds names but y_train numbers", NUMBERS, {"y_test": np.array(["a"])}),
        ("y_train holds , a but every class needs a name of its own", np.array(["a", " "]), {}),
        (r"y_train holds the name a\x1b, which holds control characters: rename the class", np.array(["a\x1b"]), {}),
        (r"y_train holds the name \xe9, which is not UTF-8: rename the class", np.array([b"\xe9"]), {}),
        (
            "y_train holds Python objects (NoneType, str): store whole numbers with y_train.astype(int), or names with",
            np.array(["a", None]),
            {},
        ),
        ("y_train has dtype <U1 and so holds no numbers to predict", np.array(["a"]), {"kind": "numbers"}),
    ],
)
def test_labels_that_are_no_classes_are_refused(message, labels, options):
    refuse(message, labels, **options)


@pytest.mark.parametrize(
    "labels",
    [NUMBERS.astype(np.complex64), np.zeros((40, 8, 8), bool), np.zeros((40, 8, 8, 1), np.uint8), np.zeros((40, 8, 8))],
    ids=lambda labels: f"{labels.dtype} {labels.ndim}",
)
def test_what_is_no_class_of_an_image_is_left_to_others(labels):
    done = read(labels)

    assert done.labels["y_train"] is labels
    assert (done.class_names, done.notes) == (None, ())
