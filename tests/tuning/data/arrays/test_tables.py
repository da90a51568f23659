"""Numbers to predict and several inputs: what is let in, and how each refusal reads."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tuning.data.arrays.tables import dataset_of
from tuning.errors import InputError

RNG = np.random.default_rng(0)


@pytest.fixture
def table():
    """Sixteen training and four test examples of five features, and one number to predict."""
    return {
        "x_train": RNG.normal(size=(16, 5)),
        "y_train": RNG.normal(size=16),
        "x_test": RNG.normal(size=(4, 5)),
        "y_test": RNG.normal(size=4),
    }


@pytest.fixture
def pair():
    """The same number of examples of a picture and an age, with a whole number each."""
    made = {}
    for part, count in (("train", 16), ("test", 4)):
        made[f"x_{part}_picture"] = RNG.integers(0, 256, (count, 6, 6, 1), dtype=np.uint8)
        made[f"x_{part}_age"] = RNG.integers(0, 99, (count, 1), dtype=np.int32)
        made[f"y_{part}"] = np.arange(count, dtype=np.uint8) % 3
    return made


def refuse(arrays, message, **changes):
    with pytest.raises(InputError, match=re.escape(message)):
        dataset_of({**arrays, **changes}, name="given.npz")


def test_floating_point_labels_make_numbers_to_predict(table):
    dataset = dataset_of(table, name="given.npz")
    assert not dataset.is_classification
    assert dataset.class_names == ()
    assert dataset.input_shapes == {"x": (5,)}
    assert dataset.training.images.dtype == dataset.training.labels.dtype == np.float32
    np.testing.assert_allclose(dataset.training.labels, table["y_train"], rtol=1e-6)


def test_several_numbers_can_be_predicted(table):
    many = {key: np.stack([table[key]] * 3, axis=1) for key in ("y_train", "y_test")}
    assert dataset_of({**table, **many}, name="a").training.labels.shape == (16, 3)


def test_images_with_numbers_to_predict_are_images_without_classes(table):
    images = {f"x_{part}": np.zeros((count, 8, 6), np.uint8) for part, count in (("train", 16), ("test", 4))}
    dataset = dataset_of({**table, **images}, name="a")
    assert dataset.image_shape == (8, 6, 1)
    assert not dataset.is_classification


def test_several_inputs_keep_their_names_and_dtypes(pair):
    dataset = dataset_of(pair, name="given.npz")
    assert dataset.input_shapes == {"age": (1,), "picture": (6, 6, 1)}
    assert {name: array.dtype.name for name, array in dataset.training.images.items()} == {
        "age": "int32",
        "picture": "uint8",
    }
    assert dataset.training.labels.dtype == np.int64
    assert not dataset.is_classification


def test_the_built_in_model_is_told_to_be_of_no_use(pair, table):
    message = "given.npz holds age of shape (1,), picture of shape (6, 6, 1) and not single images"
    with pytest.raises(InputError, match=re.escape(message)):
        _ = dataset_of(pair, name="given.npz").image_shape
    with pytest.raises(InputError, match=re.escape("given.npz does not say which class an image shows")):
        _ = dataset_of(table, name="given.npz").num_classes


def test_validation_is_split_off_at_random_by_the_seed(pair):
    dataset = dataset_of(pair, name="given.npz")
    training, validation = dataset.split_validation(fraction=0.25, seed=0)
    again = dataset.split_validation(fraction=0.25, seed=0)[1]
    other = dataset.split_validation(fraction=0.25, seed=1)[1]
    assert (len(training), len(validation)) == (12, 4)
    assert len(np.concatenate([training.images["age"], validation.images["age"]])) == 16
    assert np.array_equal(validation.images["picture"], again.images["picture"])
    assert not np.array_equal(validation.images["picture"], other.images["picture"])


def test_a_single_example_cannot_be_split(table):
    dataset = dataset_of({**table, "x_train": table["x_train"][:1], "y_train": table["y_train"][:1]}, name="one.npz")
    with pytest.raises(InputError, match=r"one\.npz has 1 training example but needs 2 or more"):
        dataset.split_validation(fraction=0.1, seed=0)


def test_given_validation_examples_are_used(table):
    given = {**table, "x_validation": table["x_test"] + 1, "y_validation": table["y_test"]}
    dataset = dataset_of(given, name="a")
    training, validation = dataset.training_and_validation(fraction=0.5, seed=0)
    assert training is dataset.training
    assert len(validation) == 4
    assert dataset.digest != dataset_of(table, name="a").digest


def test_examples_that_are_tested_and_trained_on_are_counted(table):
    dataset = dataset_of({**table, "x_test": table["x_train"][:4]}, name="a")
    assert dataset.warnings == ("4 of 4 test examples stand in the training set too: the test result flatters",)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
@pytest.mark.parametrize("key", ["x_train", "x_test", "y_train"])
def test_what_is_not_finite_is_counted(table, key, value):
    changed = table[key].copy()
    changed.flat[:2] = value
    refuse(table, f"{key} holds 2 values that are NaN or infinite as float32: fix or leave them out", **{key: changed})


@pytest.mark.parametrize("dtype", [np.complex64, np.uint16, np.bool_, np.str_])
def test_other_dtypes_are_refused(table, dtype):
    refuse(
        table,
        f"x_train has dtype {np.zeros(1).astype(dtype).dtype} but an input must be uint8, int32, int64, float32 or",
        x_train=np.zeros((16, 5)).astype(dtype),
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_train": np.zeros((15, 5))}, "x_train has 15 examples but y_train has 16: give a label for each example"),
        ({"x_train": np.zeros((16, 0))}, "x_train has shape (16, 0) and so holds no examples: give at least one"),
        ({"x_test": np.zeros((4, 6))}, "x_test has dtype float32 and shape (4, 6) but x_train has float32 and (16, 5)"),
        ({"x_test": np.zeros((4, 5), np.int32)}, "x_test has dtype int32 and shape (4, 5) but x_train has float32"),
        ({"y_test": np.zeros((4, 2))}, "y_test has dtype float32 and shape (4, 2) but y_train has float32 and (16,)"),
        ({"y_train": np.zeros((16, 0))}, "y_train has shape (16, 0) and so holds no examples: give at least one"),
        ({"y_train_age": np.zeros(16)}, "given.npz holds y_train beside y_train_age: name every output, or have only"),
        ({"class_names": np.array(["a", "b"])}, "given.npz has class names, but they go with one input and one whole"),
        ({"x_train_age": np.zeros(16)}, "given.npz holds x_train beside x_train_age: name every input, or have only"),
        ({"x_validation": np.zeros((2, 5))}, "given.npz lacks y_validation: it must hold x_train, y_train, x_test"),
        ({"x_test_age": np.zeros(4)}, "given.npz holds x_test_age, which the training data lacks: give it for train"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(table, changes, message):
    refuse(table, message, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_train_age": np.zeros((3, 1), np.int32)}, "x_train_age has 3 examples but y_train has 16"),
        ({"y_train": np.arange(16) - 1}, "y_train holds the label -1 but labels must be 0 or more"),
        ({"y_train": np.zeros((16, 2), complex)}, "y_train has dtype complex128 but targets must be numbers"),
        ({"y_test": np.zeros(4)}, "y_test has dtype float32 and shape (4,) but y_train has int64 and (16,)"),
        ({"x_train_more": np.zeros(16)}, "given.npz lacks x_test_more: it must hold x_train_age, x_train_more"),
    ],
)
def test_several_inputs_that_do_not_fit_are_refused(pair, changes, message):
    refuse(pair, message, **changes)


def table_of_classes(**changes):
    """Rows of five numbers, each of one of three classes."""
    made = {"x_train": RNG.normal(size=(18, 5)), "x_test": RNG.normal(size=(6, 5))}
    return {**made, "y_train": np.arange(18) % 3, "y_test": np.arange(6) % 3, **changes}


def test_rows_of_numbers_can_belong_to_classes():
    dataset = dataset_of(table_of_classes(), name="a")

    assert (dataset.class_names, dataset.is_classification) == (("0", "1", "2"), True)
    assert (dataset.training.has_classes, dataset.training.shows_classes) == (True, False)
    assert dataset.training.images.dtype == np.float32
    validation = dataset.training_and_validation(fraction=1 / 6, seed=0)[1]
    assert sorted(validation.labels.tolist()) == [0, 1, 2]


def test_classes_of_rows_can_have_names():
    names = np.array(["low", "middle", "high"])

    assert dataset_of(table_of_classes(class_names=names), name="a").class_names == tuple(names.tolist())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_train": np.zeros(18, int)}, "y_train has 1 classes but must have 2 to 1000"),
        ({"y_test": np.arange(6)}, "y_test holds the label 5 but the 3 classes are numbered 0 to 2"),
        ({"y_train": np.arange(18) % 3 * 2}, "class 1, 3 has no training images: number the classes"),
    ],
)
def test_classes_of_rows_are_checked_as_those_of_images(changes, message):
    refuse(table_of_classes(), message, **changes)


def drawings(targets):
    """Sixteen training and four test images, and a target of each."""
    made = {}
    for part, count in (("train", 16), ("test", 4)):
        made[f"x_{part}"] = RNG.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
        made |= {f"y_{part}{name}": make(count) for name, make in targets.items()}
    return made


@pytest.mark.parametrize(
    ("make", "dtype"),
    [
        (lambda count: RNG.random((count, 8, 8, 1)), np.float32),
        (lambda count: RNG.integers(0, 2, (count, 8, 8)), np.int32),
        (lambda count: RNG.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8), np.uint8),
        (lambda count: RNG.random((count, 8, 8)) > 0.5, np.uint8),
    ],
    ids=["numbers", "a class for each pixel", "images", "yes and no"],
)
def test_a_target_can_be_an_image(make, dtype):
    dataset = dataset_of(drawings({"": make}), name="a")

    assert not dataset.is_classification
    assert (dataset.training.holds_images, dataset.training.has_classes) == (True, False)
    assert dataset.training.labels.dtype == dtype


def test_several_outputs_have_names():
    targets = {"_kind": lambda count: np.arange(count)[:, None] % 3, "_size": lambda count: RNG.random(count)}

    dataset = dataset_of(drawings(targets), name="a")

    labels = dataset.training.labels
    assert {name: (array.dtype, array.shape) for name, array in labels.items()} == {
        "kind": (np.int64, (16,)),
        "size": (np.float32, (16,)),
    }
    assert len(dataset.training) == 16
    few = dataset.training.take(np.array([3, 1]))
    assert few.labels["kind"].tolist() == [0, 1]
    assert len(dataset.training_and_validation(fraction=1 / 8, seed=0)[1]) == 2


def test_another_target_makes_another_digest():
    first = drawings({"_kind": lambda count: np.arange(count) % 3, "_size": lambda count: np.ones(count)})
    second = {**first, "y_train_size": first["y_train_size"] * 2}

    assert dataset_of(first, name="a").digest != dataset_of(second, name="a").digest
    assert dataset_of(first, name="a").digest == dataset_of(dict(reversed(first.items())), name="a").digest


def test_an_output_that_the_training_lacks_is_refused():
    targets = {"_kind": lambda count: np.arange(count) % 3}

    refuse(drawings(targets), "given.npz holds y_test_size, which the training data lacks", y_test_size=np.zeros(4))
