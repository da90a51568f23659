"""Examples in memory and on disk: the same ones at the same positions, whichever way they were taken."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.data.split import CHUNK, Split, digest_of, example_digests

COUNT = 12
IMAGES = np.random.default_rng(0).integers(0, 256, (COUNT, 3, 4, 1), dtype=np.uint8)
LABELS = np.arange(COUNT, dtype=np.int64)


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    """The images in a mapped file."""
    path = tmp_path_factory.mktemp("mapped") / "images.npy"
    np.save(path, IMAGES)
    return Split(images=np.load(path, mmap_mode="r"), labels=LABELS)


IN_MEMORY = Split(images=IMAGES, labels=LABELS)


@given(data=st.data())
def test_examples_taken_again_and_again_are_the_same_on_disk_and_in_memory(mapped, data):
    ours, theirs = IN_MEMORY, mapped
    for _ in range(data.draw(st.integers(1, 4))):
        indices = np.array(data.draw(st.lists(st.integers(0, len(ours) - 1), min_size=1, max_size=15)), dtype=np.int64)
        ours, theirs = ours.take(indices), theirs.take(indices)
    assert np.array_equal(ours.images, theirs.read())
    assert np.array_equal(ours.labels, theirs.labels)
    assert np.array_equal(ours.labels, theirs.rows)
    assert np.array_equal(theirs.read(np.array([len(theirs) - 1])), ours.images[-1:])


@pytest.mark.parametrize("indices", [np.arange(COUNT) % 2 == 0, np.array([-1, 0]), np.array([], dtype=np.int64)])
def test_masks_and_positions_from_the_end_are_taken_alike(mapped, indices):
    ours, theirs = IN_MEMORY.take(indices), mapped.take(indices)
    assert np.array_equal(ours.images, theirs.read())
    assert np.array_equal(ours.labels, theirs.labels)


def test_taking_from_disk_copies_no_pixel(mapped):
    taken = mapped.take(np.array([3, 1]))
    assert taken.is_on_disk
    assert taken.images is mapped.images
    assert taken.rows.tolist() == [3, 1]


def test_reading_everything_from_memory_is_no_copy():
    assert np.shares_memory(IN_MEMORY.read(), IMAGES)


def test_what_is_read_from_disk_is_a_plain_array(mapped):
    assert type(mapped.take(np.array([3])).read()) is np.ndarray


def test_a_pickled_split_on_disk_carries_its_file_and_not_its_pixels(tmp_path):
    np.save(tmp_path / "many.npy", np.zeros((1000, 30, 30, 1), np.uint8))
    split = Split(images=np.load(tmp_path / "many.npy", mmap_mode="r"), labels=np.zeros(1000, np.int64))
    content = pickle.dumps(split.take(np.array([5, 7])))
    again = pickle.loads(content)
    assert len(content) < 2000
    assert again.is_on_disk
    assert again.rows.tolist() == [5, 7]


def test_a_pickled_split_in_memory_carries_everything():
    again = pickle.loads(pickle.dumps(IN_MEMORY))
    assert np.array_equal(again.images, IMAGES)
    assert np.array_equal(again.labels, LABELS)


def test_several_inputs_are_taken_together():
    split = Split(images={"a": IMAGES, "b": LABELS}, labels=LABELS.astype(np.float32))
    taken = split.take(np.array([4, 2]))
    assert taken.images["b"].tolist() == [4, 2]
    assert np.array_equal(taken.images["a"], IMAGES[[4, 2]])


@pytest.mark.parametrize(
    ("images", "labels", "expected"),
    [
        (IMAGES, LABELS, True),
        (IMAGES, LABELS.astype(np.float32), False),
        (IMAGES.astype(np.float32), LABELS, False),
        (IMAGES[:, 0, 0], LABELS, False),
        ({"a": IMAGES}, LABELS, False),
        (IMAGES, LABELS[:, None], False),
    ],
)
def test_only_one_image_with_one_whole_number_shows_a_class(images, labels, expected):
    assert Split(images=images, labels=labels).shows_classes is expected


@pytest.mark.parametrize("count", [1, CHUNK, CHUNK + 1])
def test_chunks_hold_every_example_once_and_in_order(count):
    numbers = np.arange(count)
    chunks = list(Split(images=numbers, labels=numbers).chunks())
    assert max(map(len, chunks)) <= CHUNK
    assert np.array_equal(np.concatenate(chunks), numbers)


def test_chunks_of_large_examples_are_small(monkeypatch):
    monkeypatch.setattr("tuning.data.split.CHUNK_BYTES", 5 * IMAGES[0].nbytes)
    chunks = list(IN_MEMORY.chunks())
    assert [len(chunk) for chunk in chunks] == [5, 5, 2]
    assert np.array_equal(np.concatenate(chunks), IMAGES)


def test_equal_examples_have_equal_digests_and_others_do_not(mapped):
    digests = list(example_digests(mapped.take(np.array([1, 2, 1]))))
    assert digests[0] == digests[2] != digests[1]
    assert digests[1] == list(example_digests(IN_MEMORY))[2]


def test_examples_of_several_inputs_differ_if_any_input_does():
    same = np.zeros((2, 3), np.float32)
    split = Split(images={"a": same, "b": np.array([[1.0], [2.0]])}, labels=LABELS[:2])
    assert len(set(example_digests(split))) == 2


def test_the_digest_of_several_inputs_knows_which_is_which():
    one, other = np.zeros((2, 3)), np.ones((2, 3))
    digests = {
        digest_of({"train": Split(images=images, labels=LABELS[:2])})
        for images in ({"a": one, "b": other}, {"a": other, "b": one}, {"a": one, "c": other})
    }
    assert len(digests) == 3
