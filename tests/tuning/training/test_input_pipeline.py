"""Batches: every image once an epoch, in an order that seed and epoch decide, and augmentation that stays small."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.data.dataset import Split
from tuning.settings import Feed, Labels
from tuning.training.built import Recipe
from tuning.training.input_pipeline import VALIDATION_BATCH, steps_per_epoch, training_batches, validation_batches

pytestmark = pytest.mark.slow

COUNT, BATCH = 50, 16
AUGMENTED = Recipe(batch_size=BATCH, augmentation=1.0)
AS_THEY_ARE, ONE_HOT = Feed(), Feed(labels=Labels.ONE_HOT, num_classes=10)


@pytest.fixture(scope="module")
def numbered():
    """Fifty images, each filled with its own number, labelled by the number's last digit."""
    numbers = np.arange(COUNT)
    images = np.broadcast_to(numbers.astype(np.uint8)[:, None, None, None], (COUNT, 4, 4, 1))
    return Split(images=np.ascontiguousarray(images), labels=numbers % 10)


def epochs_of(split, count, *, seed=0, feed=AS_THEY_ARE, augmentation=0.0, first_epoch=0):
    """`count` epochs, each as (images, labels) in the order in which they are shown."""
    steps = steps_per_epoch(len(split), BATCH)
    batches = training_batches(
        split,
        recipe=Recipe(batch_size=BATCH, augmentation=augmentation),
        seed=seed,
        feed=feed,
        first_step=first_epoch * steps,
    )
    shown = list(batches.take(steps * count).as_numpy_iterator())
    chunks = [shown[start : start + steps] for start in range(0, len(shown), steps)]
    return [tuple(np.concatenate(parts) for parts in zip(*chunk, strict=True)) for chunk in chunks]


def orders(split, count, **options):
    return [images[:, 0, 0, 0].tolist() for images, _ in epochs_of(split, count, **options)]


@pytest.mark.parametrize(("examples", "batch_size", "steps"), [(50, 16, 4), (48, 16, 3), (1, 16, 1), (17, 16, 2)])
def test_an_epoch_has_as_many_steps_as_show_every_image(examples, batch_size, steps):
    assert steps_per_epoch(examples, batch_size) == steps


def test_parts_of_an_epoch_share_its_steps():
    assert [steps_per_epoch(50, 16, parts=parts) for parts in (1, 2, 3, 9)] == [4, 2, 2, 1]


@given(step=st.integers(0, 20))
def test_a_training_that_continues_at_any_step_sees_what_an_uninterrupted_one_sees(numbered, step):
    recipe = Recipe(batch_size=BATCH, augmentation=1.0)
    whole, rest = (
        training_batches(numbered, recipe=recipe, seed=3, feed=AS_THEY_ARE, first_step=first).take(count)
        for first, count in ((0, step + 3), (step, 3))
    )
    pairs = zip(list(whole.as_numpy_iterator())[step:], rest.as_numpy_iterator(), strict=True)
    assert all(np.array_equal(one[0], other[0]) and np.array_equal(one[1], other[1]) for one, other in pairs)


def test_every_epoch_shows_every_image_exactly_once(numbered):
    assert [sorted(order) for order in orders(numbered, 3)] == [list(range(COUNT))] * 3


def test_the_last_batch_of_an_epoch_is_smaller_and_holds_no_image_of_the_next(numbered):
    batches = training_batches(numbered, recipe=Recipe(batch_size=BATCH), seed=0, feed=AS_THEY_ARE)
    sizes = [len(labels) for _, labels in batches.take(8).as_numpy_iterator()]
    assert sizes == [16, 16, 16, 2] * 2


def test_a_batch_larger_than_the_data_holds_all_of_it(numbered):
    batches = training_batches(numbered, recipe=Recipe(batch_size=100), seed=0, feed=AS_THEY_ARE)
    assert [len(labels) for _, labels in batches.take(2).as_numpy_iterator()] == [COUNT, COUNT]


def test_every_epoch_has_an_order_of_its_own(numbered):
    first, second, third = orders(numbered, 3)
    assert first != second != third != first
    assert first != list(range(COUNT))


def test_the_same_seed_gives_the_same_orders_and_another_does_not(numbered):
    assert orders(numbered, 2, seed=0) == orders(numbered, 2, seed=0)
    assert orders(numbered, 1, seed=0) != orders(numbered, 1, seed=1)


def test_neighbouring_seeds_share_no_order(numbered):
    shown = [tuple(order) for seed in range(4) for order in orders(numbered, 4, seed=seed)]
    assert len(set(shown)) == 16


@pytest.mark.parametrize("augmentation", [0.0, 1.0])
def test_going_on_from_an_epoch_shows_what_an_uninterrupted_training_shows(digits, augmentation):
    split = digits.training.take(np.arange(40))
    whole = epochs_of(split, 3, augmentation=augmentation)
    rest = epochs_of(split, 1, augmentation=augmentation, first_epoch=2)
    assert np.array_equal(whole[2][0], rest[0][0])
    assert np.array_equal(whole[2][1], rest[0][1])


def test_labels_stay_with_their_images(numbered):
    images, labels = epochs_of(numbered, 1)[0]
    assert np.array_equal(images[:, 0, 0, 0] % 10, labels)


def test_one_hot_labels_are_rows_of_the_identity(numbered):
    images, labels = epochs_of(numbered, 1, feed=ONE_HOT)[0]
    assert (labels.shape, labels.dtype) == ((COUNT, 10), np.float32)
    assert np.array_equal(labels, np.eye(10)[images[:, 0, 0, 0] % 10])


def test_augmentation_changes_pixels_and_nothing_else(digits):
    split = digits.training.take(np.arange(60))
    (plain, labels), (changed, same_labels) = (
        epochs_of(split, 1, augmentation=augmentation)[0] for augmentation in (0.0, 1.0)
    )
    assert (changed.dtype, changed.shape) == (np.uint8, plain.shape)
    assert np.array_equal(labels, same_labels)
    assert (changed != plain).any(axis=(1, 2, 3)).all()


def test_augmentation_keeps_a_digit_recognizable(digits):
    split = digits.training.take(np.arange(60))
    (plain, _), (changed, _) = (epochs_of(split, 1, augmentation=augmentation)[0] for augmentation in (0.0, 1.0))
    away = np.abs(changed.astype(float) - plain).mean(axis=(1, 2, 3))
    unlike = np.abs(np.roll(plain, 1, axis=0).astype(float) - plain).mean()
    assert away.mean() < unlike / 2


def test_augmentation_differs_from_image_to_image_and_from_epoch_to_epoch(digits):
    split = Split(images=np.repeat(digits.training.images[:1], 20, axis=0), labels=np.zeros(20, np.int64))
    first, second = (images for images, _ in epochs_of(split, 2, augmentation=1.0))
    assert len({image.tobytes() for image in np.concatenate([first, second])}) == 40


def test_augmentation_repeats_the_border_where_something_enters_from_outside():
    split = Split(images=np.full((20, 28, 28, 1), 200, np.uint8), labels=np.arange(20) % 2)
    images, _ = epochs_of(split, 1, augmentation=1.0)[0]
    # Interpolated values are cut off to whole ones, so a grey level may be lost.
    assert set(np.unique(images)) <= {199, 200}


def test_augmentation_keeps_the_three_channels_together():
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (20, 12, 16, 1), dtype=np.uint8)
    split = Split(images=np.repeat(grey, 3, axis=-1), labels=np.arange(20) % 2)
    images, _ = epochs_of(split, 1, augmentation=1.0)[0]
    assert images.shape == (20, 12, 16, 3)
    assert np.array_equal(images[..., 0], images[..., 2])


def test_validation_shows_everything_once_and_in_order():
    count = VALIDATION_BATCH + 3
    split = Split(images=np.zeros((count, 4, 4, 1), np.uint8), labels=np.arange(count))
    batches = [labels for _, labels in validation_batches(split, feed=AS_THEY_ARE).as_numpy_iterator()]
    assert [len(batch) for batch in batches] == [VALIDATION_BATCH, 3]
    assert np.array_equal(np.concatenate(batches), split.labels)


def test_validation_can_be_labelled_one_hot(numbered):
    [(_, labels)] = validation_batches(numbered, feed=ONE_HOT).as_numpy_iterator()
    assert np.array_equal(labels, np.eye(10)[numbered.labels])


def test_the_tuning_thread_is_off(numbered):
    training = training_batches(numbered, recipe=AUGMENTED, seed=0, feed=AS_THEY_ARE)
    validation = validation_batches(numbered, feed=AS_THEY_ARE)
    assert [batches.options().autotune.enabled for batches in (training, validation)] == [False, False]


def test_pixels_can_be_handed_over_as_scaled_float32(numbered):
    feed = Feed(pixel_scale=(2 / 255, -1.0))
    expected = np.arange(COUNT, dtype=np.float32) * (2 / 255) - 1

    [(validated, _)] = validation_batches(numbered, feed=feed).as_numpy_iterator()
    trained, _ = epochs_of(numbered, 1, feed=feed)[0]

    assert validated.dtype == trained.dtype == np.float32
    np.testing.assert_allclose(validated[:, 0, 0, 0], expected, atol=1e-6)
    np.testing.assert_allclose(np.sort(trained[:, 0, 0, 0]), expected, atol=1e-6)


@pytest.fixture
def on_disk(digits, tmp_path):
    """(in memory, the same in a mapped file): 700 digits in an order other than the file's."""
    np.save(tmp_path / "images.npy", digits.training.images)
    mapped = Split(images=np.load(tmp_path / "images.npy", mmap_mode="r"), labels=digits.training.labels)
    chosen = np.random.default_rng(3).permutation(len(digits.training))[:700]
    return digits.training.take(chosen), mapped.take(chosen)


@pytest.mark.parametrize("feed", [AS_THEY_ARE, Feed(labels=Labels.ONE_HOT, num_classes=10, pixel_scale=(1 / 255, 0.0))])
@pytest.mark.parametrize("augmentation", [0.0, 1.0])
def test_images_on_disk_are_shown_as_the_same_ones_in_memory_bit_for_bit(on_disk, feed, augmentation):
    in_memory, mapped = (
        epochs_of(split, 2, seed=5, feed=feed, augmentation=augmentation, first_epoch=1) for split in on_disk
    )
    for expected, shown in zip(in_memory, mapped, strict=True):
        assert expected[0].dtype == shown[0].dtype
        assert np.array_equal(expected[0], shown[0])
        assert np.array_equal(expected[1], shown[1])


def test_validation_of_images_on_disk_shows_the_same_bits_as_in_memory(on_disk):
    in_memory, mapped = (list(validation_batches(split, feed=AS_THEY_ARE).as_numpy_iterator()) for split in on_disk)
    assert [len(labels) for _, labels in mapped] == [VALIDATION_BATCH, 200]
    for expected, shown in zip(in_memory, mapped, strict=True):
        assert np.array_equal(expected[0], shown[0])
        assert np.array_equal(expected[1], shown[1])


def test_batches_from_disk_have_a_shape_that_a_model_can_be_built_for(on_disk):
    _, mapped = on_disk
    training = training_batches(mapped, recipe=Recipe(batch_size=BATCH), seed=0, feed=AS_THEY_ARE)
    shapes = [batches.element_spec[0].shape for batches in (training, validation_batches(mapped, feed=AS_THEY_ARE))]
    assert [shape.as_list() for shape in shapes] == [[None, 28, 28, 1]] * 2


@pytest.fixture
def several_inputs():
    """Twenty examples of two inputs that hold the example's number, and two numbers to predict."""
    numbers = np.arange(20)
    images = {
        "picture": np.broadcast_to(numbers.astype(np.uint8)[:, None, None, None], (20, 4, 4, 1)),
        "age": numbers[:, None].astype(np.float32),
    }
    return Split(images=images, labels=np.stack([numbers, -numbers], axis=1).astype(np.float32))


def test_several_inputs_come_by_name_and_stay_together(several_inputs):
    batches = training_batches(several_inputs, recipe=Recipe(batch_size=8, augmentation=1.0), seed=0, feed=AS_THEY_ARE)
    shown = list(batches.take(3).as_numpy_iterator())
    ages = np.concatenate([inputs["age"][:, 0] for inputs, _ in shown])
    assert sorted(ages) == list(range(20))
    assert np.array_equal(np.concatenate([inputs["picture"][:, 0, 0, 0] for inputs, _ in shown]), ages)
    assert np.array_equal(np.concatenate([labels for _, labels in shown]), np.stack([ages, -ages], axis=1))


def test_several_inputs_are_validated_in_order(several_inputs):
    [(inputs, labels)] = validation_batches(several_inputs, feed=AS_THEY_ARE).as_numpy_iterator()
    assert np.array_equal(inputs["age"], several_inputs.images["age"])
    assert np.array_equal(labels, several_inputs.labels)


def test_an_image_whose_label_is_a_number_is_never_turned(digits):
    split = Split(images=digits.training.images[:20], labels=np.arange(20, dtype=np.float32))
    plain, augmented = (epochs_of(split, 1, augmentation=augmentation)[0] for augmentation in (0.0, 1.0))
    assert np.array_equal(plain[0], augmented[0])


def test_smoothing_spreads_a_share_of_each_training_label_and_no_other():
    split = Split(images=np.zeros((2, 4, 4, 1), np.uint8), labels=np.array([0, 2]))
    feed = Feed(labels=Labels.ONE_HOT, num_classes=4)
    recipe = Recipe(batch_size=2, label_smoothing=0.2)
    _, smooth = next(iter(training_batches(split, recipe=recipe, seed=0, feed=feed)))
    _, hard = next(iter(validation_batches(split, feed=feed)))
    assert sorted(set(np.unique(smooth.numpy().round(6)))) == pytest.approx([0.05, 0.85])
    assert set(np.unique(hard)) == {0.0, 1.0}


def test_stronger_augmentation_changes_more(digits):
    split = digits.training.take(np.arange(COUNT))
    plain, light, strong = (epochs_of(split, 1, augmentation=strength)[0][0] for strength in (0.0, 0.5, 2.0))
    changes = [np.abs(images.astype(float) - plain).mean() for images in (light, strong)]
    assert 0 < changes[0] < changes[1]
