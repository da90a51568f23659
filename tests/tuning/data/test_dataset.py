"""The door: what is let in, how each refusal reads, and what is known about the data afterwards."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.data.dataset import make_dataset
from tuning.errors import InputError


def refuse(arrays, message, **changes):
    """Assert that the arrays with these changes are refused, and how."""
    with pytest.raises(InputError, match=re.escape(message)):
        make_dataset({**arrays, **changes}, name="given.npz")


def with_value(array, index, value):
    changed = array.copy()
    changed[index] = value
    return changed


def test_valid_arrays_become_a_data_set(arrays):
    dataset = make_dataset(arrays, name="given.npz")
    assert dataset.image_shape == (8, 8, 1)
    assert dataset.class_names == ("0", "1", "2", "3")
    assert (len(dataset.training), len(dataset.test)) == (40, 20)
    assert dataset.training.images.dtype == np.uint8
    assert dataset.training.labels.dtype == np.int64
    assert dataset.warnings == ()


def test_images_with_three_channels_are_taken(arrays):
    colour = {key: np.repeat(arrays[key][..., np.newaxis], 3, axis=-1) for key in ("x_train", "x_test")}
    assert make_dataset({**arrays, **colour}, name="given.npz").image_shape == (8, 8, 3)


def test_an_axis_of_one_channel_changes_nothing(arrays):
    explicit = {key: arrays[key][..., np.newaxis] for key in ("x_train", "x_test")}
    assert make_dataset({**arrays, **explicit}, name="a").digest == make_dataset(arrays, name="b").digest


def test_images_in_another_memory_order_are_the_same_data(arrays):
    reordered = {"x_train": np.asfortranarray(arrays["x_train"])}
    assert make_dataset({**arrays, **reordered}, name="a").digest == make_dataset(arrays, name="b").digest


def test_class_names_decide_how_many_classes_there_are(arrays):
    names = ("north", "east", "south", "west")
    assert make_dataset(arrays, name="given.npz", class_names=names).class_names == names


def test_missing_arrays_are_named_and_so_is_what_was_found(arrays):
    del arrays["y_test"], arrays["x_test"]
    refuse(
        arrays,
        "given.npz lacks x_test, y_test: it must hold x_train, y_train, x_test, y_test, found x_train, y_train",
    )


def test_nothing_at_all_is_refused():
    refuse({}, "lacks x_train, y_train, x_test, y_test: it must hold x_train, y_train, x_test, y_test, found nothing")


RAMP = np.linspace(0, 1, 40 * 64).reshape(40, 8, 8)


@pytest.mark.parametrize(
    ("images", "what_to_do"),
    [
        (RAMP.astype(np.float32), "multiply by 255 and convert, (x_train * 255).round().astype('uint8')"),
        (RAMP * 255, "round and convert it, x_train.round().astype('uint8')"),
        (RAMP * 2 - 1, "shift it to 0 to 255 and convert, ((x_train + 1) * 127.5).round().astype('uint8')"),
        (RAMP * 4 - 2, "it ranges from -2 to 2, so undo what scaled it and convert it"),
        ((RAMP * 255).astype(np.int64), "convert it, x_train.astype('uint8')"),
        ((RAMP * 65535).astype(np.uint16), "divide by 257 and convert, (x_train / 257).round().astype('uint8')"),
        (RAMP > 0.5, "multiply by 255 and convert, (x_train * 255).astype('uint8')"),
        (np.full((40, 8, 8), np.nan), "convert it, multiplying by 255 if it holds 0 to 1"),
        (RAMP.astype(str), "convert it, multiplying by 255 if it holds 0 to 1"),
        (RAMP[:0], "convert it, multiplying by 255 if it holds 0 to 1"),
    ],
)
def test_images_of_other_numbers_are_refused_with_what_converts_them(arrays, images, what_to_do):
    message = (
        f"x_train has dtype {images.dtype}.* but images must be uint8 pixel values 0 to 255: {re.escape(what_to_do)}$"
    )
    with pytest.raises(InputError, match=message):
        make_dataset({**arrays, "x_train": images}, name="given.npz")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_converts_images_gives_back_the_pixels(arrays, dtype):
    pixels = arrays["x_train"]

    unit, signed = pixels.astype(dtype) / 255, pixels.astype(dtype) / 127.5 - 1

    assert np.array_equal((unit * 255).round().astype("uint8"), pixels)
    assert np.array_equal(((signed + 1) * 127.5).round().astype("uint8"), pixels)


@pytest.mark.parametrize(
    ("shape", "what_to_do"),
    [
        ((40, 3, 8, 8), ", last: move them there, x_train.transpose(0, 2, 3, 1)"),
        ((40, 1, 8, 8), ", last: move them there, x_train.transpose(0, 2, 3, 1)"),
        ((8, 8, 3, 40), ", last, and the examples first: move them there, x_train.transpose(3, 0, 1, 2)"),
        (
            (40, 8, 8, 4),
            ": leave the alpha channel out, x_train[..., :3], or where it matters save the images as PNG files in a "
            "folder, which are put on white where they are transparent",
        ),
    ],
)
def test_axes_in_another_order_and_alpha_channels_are_refused_with_what_to_do(arrays, shape, what_to_do):
    message = f"x_train has shape {shape} but images need 1 or 3 channels{what_to_do}"

    refuse(arrays, message, x_train=np.zeros(shape, np.uint8))


def test_nan_in_images_is_counted(arrays):
    images = with_value(arrays["x_test"].astype(np.float32), (0, 0, slice(0, 3)), np.nan)
    refuse(arrays, "x_test has dtype float32 and holds 3 NaN but images must be uint8", x_test=images)


def test_two_channels_are_refused(arrays):
    refuse(
        arrays,
        "x_train has shape (40, 8, 8, 2) but images need 1 or 3 channels",
        x_train=np.zeros((40, 8, 8, 2), np.uint8),
    )


@pytest.mark.parametrize("shape", [(40,), (40, 64), (40, 8, 8, 1, 1)], ids=str)
def test_images_with_another_number_of_axes_are_refused(arrays, shape):
    refuse(
        arrays,
        f"x_train has shape {shape} but images must be (examples, height, width) or (examples, height, width, "
        "channels)",
        x_train=np.zeros(shape, np.uint8),
    )


@pytest.mark.parametrize("key", ["x_train", "x_test"])
@pytest.mark.parametrize("shape", [(0, 8, 8), (20, 0, 8)], ids=str)
def test_no_images_or_no_pixels_are_refused(arrays, key, shape):
    refuse(
        arrays,
        f"{key} has shape {(*shape, 1)} and so holds no images: give at least one",
        **{key: np.zeros(shape, np.uint8)},
    )


def test_training_and_test_images_of_different_shapes_are_refused(arrays):
    refuse(
        arrays,
        "x_train has images of shape (8, 8, 1) but x_test of (9, 8, 1): both must be the same",
        x_test=np.zeros((20, 9, 8), np.uint8),
    )


def test_real_valued_labels_are_refused(arrays):
    refuse(
        arrays,
        "y_train has dtype float64 but labels must be whole numbers from 0",
        y_train=arrays["y_train"].astype(np.float64),
    )


def test_nan_in_labels_is_counted(arrays):
    labels = with_value(arrays["y_test"].astype(np.float64), 0, np.nan)
    refuse(arrays, "y_test has dtype float64 and holds 1 NaN but labels must be whole", y_test=labels)


@pytest.mark.parametrize("dtype", [np.bool_, np.str_, object])
def test_labels_that_are_no_numbers_are_refused(arrays, dtype):
    refuse(arrays, "but labels must be whole numbers from 0", y_train=arrays["y_train"].astype(dtype))


def test_a_column_of_labels_is_the_same_data(arrays):
    columns = {key: arrays[key][:, np.newaxis] for key in ("y_train", "y_test")}
    assert make_dataset({**arrays, **columns}, name="a").digest == make_dataset(arrays, name="b").digest


def test_labels_of_two_axes_are_refused(arrays):
    refuse(
        arrays,
        "y_train has shape (40, 4) but labels must have shape (examples,)",
        y_train=np.eye(4, dtype=np.uint8)[arrays["y_train"]],
    )


def test_a_negative_label_is_refused(arrays):
    labels = with_value(arrays["y_train"].astype(np.int8), 5, -3)
    refuse(arrays, "y_train holds the label -3 but labels must be 0 or more", y_train=labels)


@pytest.mark.parametrize("key", ["y_train", "y_test"])
@pytest.mark.parametrize("label", [2**63, 2**64 - 1])
def test_a_label_too_large_for_the_type_of_labels_is_refused(arrays, key, label):
    labels = with_value(arrays[key].astype(np.uint64), 0, label)
    with pytest.raises(InputError):
        make_dataset({**arrays, key: labels}, name="given.npz")


def test_a_test_label_that_training_lacks_is_refused(arrays):
    refuse(
        arrays,
        "y_test holds the label 4 but the 4 classes are numbered 0 to 3",
        y_test=with_value(arrays["y_test"], 0, 4),
    )


def test_a_label_beyond_the_class_names_is_refused(arrays):
    with pytest.raises(InputError, match="y_train holds the label 3 but the 2 classes are numbered 0 to 1"):
        make_dataset(arrays, name="given.npz", class_names=("yes", "no"))


def test_a_gap_in_the_numbering_is_refused(arrays):
    refuse(
        arrays,
        "class 2 has no training images: number the classes 0, 1, 2, … without gaps, or add images",
        y_train=np.where(arrays["y_train"] == 2, 3, arrays["y_train"]),
    )


def test_a_named_class_without_images_is_refused(arrays):
    with pytest.raises(InputError, match="class 4, 5 has no training images"):
        make_dataset(arrays, name="given.npz", class_names=tuple("abcdef"))


def test_a_single_class_is_refused(arrays):
    refuse(
        arrays,
        "y_train has 1 classes but must have 2 to 1000",
        y_train=arrays["y_train"] * 0,
        y_test=arrays["y_test"] * 0,
    )


def test_more_than_a_thousand_classes_are_refused(arrays):
    labels = with_value(arrays["y_train"].astype(np.int64), 0, 1000)
    refuse(arrays, "y_train has 1001 classes but must have 2 to 1000", y_train=labels)


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_label_too_few_is_refused(arrays, part):
    count = len(arrays[f"x_{part}"])
    refuse(
        arrays,
        f"x_{part} has {count} images but y_{part} has {count - 1} labels: give one label for each image",
        **{f"y_{part}": arrays[f"y_{part}"][:-1]},
    )


def test_no_labels_are_refused(arrays):
    refuse(arrays, "x_test has 20 images but y_test has 0 labels", y_test=arrays["y_test"][:0])


def test_test_images_that_stand_in_the_training_set_are_counted(arrays):
    images = with_value(arrays["x_test"], slice(0, 3), arrays["x_train"][7])
    warnings = make_dataset({**arrays, "x_test": images}, name="given.npz").warnings
    assert warnings == ("3 of 20 test images stand in the training set too: the test accuracy flatters",)


def test_classes_without_test_images_are_named_in_a_warning(arrays):
    chosen = arrays["y_test"] % 2 == 0
    few = {**arrays, "x_test": arrays["x_test"][chosen], "y_test": arrays["y_test"][chosen]}
    warnings = make_dataset(few, name="given.npz").warnings
    assert warnings == ("no test image shows class 1, 3: the test says nothing about 2 of 4 classes",)


def test_an_image_repeated_within_the_training_set_is_no_reason_for_a_warning(arrays):
    images = with_value(arrays["x_train"], 1, arrays["x_train"][0])
    assert make_dataset({**arrays, "x_train": images}, name="given.npz").warnings == ()


@given(key=st.sampled_from(["x_train", "x_test"]), position=st.integers(0, 4 * 6 * 5 - 1), bit=st.integers(0, 7))
def test_the_digest_changes_with_any_bit_of_any_image(key, position, bit):
    arrays = {
        "x_train": np.zeros((4, 6, 5), np.uint8),
        "y_train": np.array([0, 1, 0, 1]),
        "x_test": np.zeros((4, 6, 5), np.uint8),
        "y_test": np.array([0, 1, 1, 0]),
    }
    flat = arrays[key].reshape(-1).copy()
    flat[position] ^= 1 << bit
    changed = {**arrays, key: flat.reshape(4, 6, 5)}
    assert make_dataset(changed, name="a").digest != make_dataset(arrays, name="a").digest


@pytest.mark.parametrize("key", ["y_train", "y_test"])
def test_the_digest_changes_with_a_label(arrays, key):
    changed = {**arrays, key: with_value(arrays[key], 0, 3)}
    assert make_dataset(changed, name="a").digest != make_dataset(arrays, name="a").digest


def test_the_digest_changes_with_the_shape_of_the_same_bytes(arrays):
    turned = {key: arrays[key].reshape(len(arrays[key]), 16, 4) for key in ("x_train", "x_test")}
    assert make_dataset({**arrays, **turned}, name="a").digest != make_dataset(arrays, name="a").digest


def test_the_digest_changes_with_the_order_of_the_images(arrays):
    turned = {key: arrays[key][::-1] for key in ("x_train", "y_train")}
    assert make_dataset({**arrays, **turned}, name="a").digest != make_dataset(arrays, name="a").digest


def test_the_digest_depends_on_nothing_but_the_arrays(arrays):
    plain = make_dataset(arrays, name="a")
    named = make_dataset(arrays, name="b", class_names=tuple("wxyz"), fallback_reason="no network")
    assert plain.digest == named.digest


@given(counts=st.lists(st.integers(2, 30), min_size=2, max_size=5), seed=st.integers(0, 2**32))
def test_a_split_gives_each_class_the_same_share_and_loses_no_image(counts, seed):
    labels = np.repeat(np.arange(len(counts)), counts)
    images = np.arange(len(labels), dtype=np.uint8).reshape(-1, 1, 1)
    dataset = make_dataset(
        {"x_train": images, "y_train": labels, "x_test": images[:2], "y_test": labels[:2]}, name="given.npz"
    )
    training, validation = dataset.split_validation(fraction=0.2, seed=seed)
    shown = np.concatenate([training.images, validation.images]).reshape(-1)
    expected = [min(max(round(count * 0.2), 1), count - 1) for count in counts]
    assert sorted(shown) == list(range(len(labels)))
    assert list(np.bincount(validation.labels)) == expected
    assert (labels[training.images.reshape(-1)] == training.labels).all()


def test_the_same_seed_splits_alike_and_another_does_not(digits):
    first, again, other = (digits.split_validation(fraction=0.1, seed=seed)[1] for seed in (0, 0, 1))
    assert np.array_equal(first.images, again.images)
    assert not np.array_equal(first.images, other.images)


def test_a_large_fraction_leaves_every_class_an_image_to_train_on(arrays):
    training, _ = make_dataset(arrays, name="given.npz").split_validation(fraction=0.99, seed=0)
    assert set(training.labels) == {0, 1, 2, 3}


def test_a_class_with_a_single_image_cannot_be_split(arrays):
    labels = np.where(arrays["y_train"] == 2, 0, arrays["y_train"])
    dataset = make_dataset({**arrays, "y_train": with_value(labels, 0, 2)}, name="given.npz")
    message = "class 2 has 1 training image but needs 2 or more, one to train and one to validate: add images"
    with pytest.raises(InputError, match=message):
        dataset.split_validation(fraction=0.1, seed=0)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, float("nan")])
def test_a_fraction_that_leaves_one_side_empty_is_refused(arrays, fraction):
    with pytest.raises(InputError, match=f"the validation fraction must be between 0 and 1, got {fraction}"):
        make_dataset(arrays, name="given.npz").split_validation(fraction=fraction, seed=0)


def test_every_opening_of_the_test_set_is_a_look(arrays):
    test = make_dataset(arrays, name="given.npz").test
    assert test.looks == 0
    assert len(test.open()) == 20
    test.open()
    assert test.looks == 2


def test_verification_and_length_are_no_looks(arrays):
    test = make_dataset(arrays, name="given.npz").test
    test.for_verification()
    len(test)
    repr(test)
    assert test.looks == 0


def test_taken_examples_are_copies(arrays):
    dataset = make_dataset(arrays, name="given.npz")
    taken = dataset.training.take(np.array([3]))
    taken.images[:] = 0
    assert dataset.training.images[3].any()
    assert taken.labels.tolist() == [3]


def with_validation(arrays):
    return {**arrays, "x_validation": arrays["x_test"][:8], "y_validation": arrays["y_test"][:8]}


def test_given_validation_images_are_the_ones_to_validate_with(arrays):
    dataset = make_dataset(with_validation(arrays), name="given.npz")
    training, validation = dataset.training_and_validation(fraction=0.5, seed=0)
    assert training is dataset.training
    assert np.array_equal(validation.images[..., 0], arrays["x_test"][:8])


def test_without_given_ones_validation_images_are_split_off(arrays):
    dataset = make_dataset(arrays, name="given.npz")
    pairs = [method(fraction=0.2, seed=3)[1] for method in (dataset.training_and_validation, dataset.split_validation)]
    assert np.array_equal(pairs[0].images, pairs[1].images)


def test_validation_images_are_part_of_the_digest(arrays):
    assert make_dataset(with_validation(arrays), name="a").digest != make_dataset(arrays, name="a").digest


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_validation": None}, "given.npz lacks x_validation: it must hold x_train, y_train, x_test, y_test, x_val"),
        ({"y_validation": None}, "given.npz lacks y_validation"),
        ({"y_validation": np.full(8, 4)}, "y_validation holds the label 4 but the 4 classes are numbered 0 to 3"),
        ({"y_validation": np.zeros(7, int)}, "x_validation has 8 images but y_validation has 7 labels"),
        ({"x_validation": np.zeros((8, 9, 9), np.uint8)}, "but x_validation of (9, 9, 1): both must be the same"),
    ],
)
def test_validation_images_are_held_to_the_same_as_the_others(arrays, changes, message):
    given = {key: array for key, array in {**with_validation(arrays), **changes}.items() if array is not None}
    with pytest.raises(InputError, match=re.escape(message)):
        make_dataset(given, name="given.npz")


def test_class_names_among_the_arrays_are_used(arrays):
    names = np.array(["north", " east", "south", "west"])
    assert make_dataset({**arrays, "class_names": names}, name="a").class_names == ("north", "east", "south", "west")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (np.arange(4), "class_names has dtype int64 and shape (4,) but must be strings of shape (classes,)"),
        (np.array([["a"], ["b"]]), "class_names has dtype <U1 and shape (2, 1) but must be strings"),
        (np.array(["a", "b", "a", "d"]), "class_names holds a, b, a, d but every class needs a name of its own"),
        (np.array(["a", "b", "c", " "]), "but every class needs a name of its own"),
        (np.array(["a", "b", "c", "d\ne"]), r"class_names holds the name d\ne, which holds control characters: rename"),
        (np.array(["a", "b", "c", "\udce9"]), r"class_names holds the name \xe9, which is not UTF-8: rename the class"),
        (np.array(["a", "b", "c"]), "y_train holds the label 3 but the 3 classes are numbered 0 to 2"),
    ],
)
def test_class_names_that_do_not_fit_are_refused(arrays, names, message):
    refuse(arrays, message, class_names=names)
