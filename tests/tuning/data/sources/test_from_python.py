"""Data handed over by a program: the same set whether as arrays or as a pipeline, and what is refused."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tensorflow as tf

from tuning.data.array_options import ArrayOptions
from tuning.data.dataset import make_dataset
from tuning.data.sources.from_python import from_arrays, from_tf_data
from tuning.errors import InputError

pytestmark = pytest.mark.slow

NAMES = ("north", "east", "south", "west")


def pipeline(arrays, part="train"):
    images = arrays[f"x_{part}"]
    shaped = images[..., np.newaxis] if images.ndim == 3 else images
    return tf.data.Dataset.from_tensor_slices((shaped, arrays[f"y_{part}"]))


@pytest.fixture
def given(arrays):
    """(training, test) as pipelines."""
    return pipeline(arrays), pipeline(arrays, "test")


def refuse(message, training, test, cache, **options):
    with pytest.raises(InputError, match=re.escape(message)):
        from_tf_data(training, test, cache=cache, **{"class_names": NAMES, **options})
    assert not cache.exists()


def test_arrays_are_the_data_set_that_a_file_with_them_is(arrays):
    dataset = from_arrays((arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"]))
    assert dataset.digest == make_dataset(arrays, name="a").digest
    assert (dataset.name, dataset.class_names) == ("arrays", ("0", "1", "2", "3"))


def test_names_and_validation_go_with_arrays(arrays):
    pair = (arrays["x_test"], arrays["y_test"].tolist())
    dataset = from_arrays((arrays["x_train"], arrays["y_train"]), pair, validation=pair, class_names=NAMES, name="mine")
    assert (dataset.name, dataset.class_names, len(dataset.validation)) == ("mine", NAMES, 20)


@pytest.mark.parametrize(
    "change", [list, np.eye(4).__getitem__, lambda labels: labels * 1.0, lambda labels: labels[:, None]]
)
def test_labels_come_in_the_forms_that_a_file_may_hold(arrays, change):
    pairs = [(arrays[f"x_{part}"], change(arrays[f"y_{part}"])) for part in ("train", "test")]
    assert from_arrays(*pairs).digest == make_dataset(arrays, name="a").digest


def test_labels_may_be_names(arrays):
    names = [NAMES[label] for label in arrays["y_train"]]
    dataset = from_arrays((arrays["x_train"], names), (arrays["x_test"], ["east"] * 20))
    assert dataset.class_names == tuple(sorted(NAMES))
    assert [dataset.class_names[label] for label in dataset.training.labels] == names


def test_whole_floats_are_predicted_on_demand(arrays):
    pairs = [(arrays[f"x_{part}"], arrays[f"y_{part}"] * 1.0) for part in ("train", "test")]
    assert not from_arrays(*pairs, options=ArrayOptions(labels="numbers")).is_classification


def test_without_a_test_the_seed_sets_one_apart(arrays):
    first, other = (
        from_arrays((arrays["x_train"], arrays["y_train"]), options=ArrayOptions(seed=seed)) for seed in (0, 1)
    )
    assert (len(first.training), len(first.test)) == (32, 8)
    assert first.digest != other.digest


def test_labels_of_python_objects_are_refused(arrays):
    with pytest.raises(InputError, match=r"y_train holds Python objects \(NoneType\): store whole numbers with"):
        from_arrays((arrays["x_train"], [None] * 40))


def test_named_inputs_go_by_their_names():
    inputs = {"age": np.arange(4), "size": np.ones((4, 2))}
    dataset = from_arrays((inputs, np.zeros(4)), (inputs, np.zeros(4)))
    assert dataset.input_shapes == {"age": (), "size": (2,)}


def test_an_error_names_the_part(arrays):
    with pytest.raises(InputError, match="x_test has dtype float32 but images must be uint8"):
        from_arrays((arrays["x_train"], arrays["y_train"]), (np.zeros((2, 8, 8), np.float32), np.array([0, 1])))


def one_hot(images, label):
    return images, tf.one_hot(tf.cast(label, tf.int32), 4)


def as_float(images, label):
    return tf.cast(images, tf.float32), tf.cast(label, tf.float64)


def as_column(images, label):
    return images, label[..., tf.newaxis]


def as_name(images, label):
    return images, tf.gather(tf.constant(NAMES), tf.cast(label, tf.int32))


@pytest.mark.parametrize("change", [lambda *pair: pair, one_hot, as_float, as_column, as_name])
@pytest.mark.parametrize("batch", [None, 7])
def test_a_pipeline_gives_the_pixels_and_labels_that_it_gives(arrays, given, tmp_path, change, batch):
    made = [each.map(change) if batch is None else each.batch(batch).map(change) for each in given]
    dataset = from_tf_data(*made, class_names=NAMES, cache=tmp_path / "cache")
    assert dataset.training.is_on_disk
    assert np.array_equal(dataset.training.read()[..., 0], arrays["x_train"])
    assert dataset.training.labels.tolist() == arrays["y_train"].tolist()
    assert np.array_equal(dataset.test.for_verification().images[..., 0], arrays["x_test"])
    assert (dataset.class_names, dataset.image_shape) == (NAMES, (8, 8, 1))


def test_the_digest_does_not_depend_on_batches_and_knows_every_pixel(arrays, given, tmp_path):
    plain = from_tf_data(*given, class_names=NAMES, cache=tmp_path)
    batched = from_tf_data(*(each.batch(3) for each in given), class_names=NAMES, cache=tmp_path)
    arrays["x_train"][0, 0, 0] ^= 1
    changed = from_tf_data(pipeline(arrays), given[1], class_names=NAMES, cache=tmp_path)
    named = from_tf_data(*given, class_names=NAMES[::-1], cache=tmp_path)
    assert plain.digest == batched.digest
    assert len({plain.digest, changed.digest, named.digest}) == 3


def test_a_pipeline_to_validate_with_is_used(given):
    dataset = from_tf_data(*given, class_names=NAMES, validation=given[1])
    assert len(dataset.training_and_validation(fraction=0.1, seed=0)[1]) == 20


def test_a_pipeline_of_unknown_length_is_read_to_its_end(given):
    unknown = [each.filter(lambda image, label: label < 4) for each in given]
    assert len(from_tf_data(*unknown, class_names=NAMES).training) == 40


def test_what_is_wrong_with_a_pipeline_is_told_and_nothing_stays(arrays, given, tmp_path):
    training, test = given
    cache = tmp_path / "cache"
    refuse("the train data never ends: leave out repeat(), or end it with take()", training.repeat(), test, cache)
    refuse("the test data is empty: give at least one example", training, test.take(0), cache)
    refuse("the train data must give pairs (image, label), got ndarray", training.map(lambda x, y: x), test, cache)
    refuse(
        "the test data must give pairs (image, label), got dict",
        training,
        test.map(lambda x, y: {"image": x, "label": y}),
        cache,
    )
    refuse(
        "x_train has dtype float32 and values from 0.0 to 1.0 but must hold whole pixel values 0 to 255",
        training.map(lambda x, y: (tf.cast(x, tf.float32) / 255, y)).batch(40),
        test,
        cache,
    )
    refuse(
        "x_train has dtype float32 and values from nan to nan",
        training.map(lambda x, y: (tf.cast(x, tf.float32) * float("nan"), y)),
        test,
        cache,
    )
    refuse("x_train has dtype bool but images must be uint8", training.map(lambda x, y: (x > 9, y)), test, cache)
    refuse(
        "x_train gives images of shape (8, 8) but each must be (height, width, channels)",
        training.map(lambda x, y: (x[..., 0], y)),
        test,
        cache,
    )
    refuse(
        "x_train has shape (1, 8, 8, 2) but images need 1 or 3 channels",
        training.map(lambda x, y: (tf.repeat(x, 2, axis=-1), y)),
        test,
        cache,
    )
    refuse("x_train has images of shape (8, 8, 1) but x_test of (7, 8, 1)", training, test.map(cropped), cache)
    refuse(
        "x_train has images of shape (8, 8, 1) and of (7, 8, 1): all must be the same",
        training.concatenate(test.map(cropped)),
        test,
        cache,
    )


def cropped(image, label):
    return image[:7], label


def test_labels_that_name_no_class_are_refused(arrays, given, tmp_path):
    training, test = given
    cache = tmp_path / "cache"
    refuse("y_train holds the label 3 but the 3 classes are numbered 0 to 2", training, test, cache, class_names="abc")
    refuse("class 4 has no training images", training, test, cache, class_names="abcde")
    refuse("y_train has 1 classes but must have 2 to 1000", training, test, cache, class_names="a")
    refuse("class_names holds a, b, a, c but every class needs a name", training, test, cache, class_names="abac")
    refuse(
        "y_train has dtype float32 but labels must be whole numbers from 0",
        training.map(lambda x, y: (x, tf.cast(y, tf.float32) + 0.5)),
        test,
        cache,
    )
    refuse(
        "y_train has rows of 4 values but must hold whole numbers, or one-hot rows of the 4 classes",
        training.map(lambda x, y: (x, tf.fill((4,), 0.25))),
        test,
        cache,
    )
    refuse(
        "y_train has rows of 5 values but must hold whole numbers, or one-hot rows of the 4 classes",
        training.map(lambda x, y: (x, tf.one_hot(0, 5))),
        test,
        cache,
    )
    refuse(
        "y_train holds the name up, but the classes are north, east, south, west: add training examples of it or leave",
        training.map(lambda x, y: (x, "up")),
        test,
        cache,
    )
    refuse(
        "y_test has shape (3,) for 20 images: give one label for each image",
        training,
        test.batch(20).map(lambda x, y: (x, y[:3])),
        cache,
    )
