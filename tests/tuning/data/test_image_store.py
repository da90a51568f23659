"""An entry of the store is whole or not there, and nothing stays of one that failed."""

from __future__ import annotations

import json
import os
import resource
import signal
import time

import numpy as np
import pytest

from tuning.data.image_store import new_entry, open_entry
from tuning.errors import InputError

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 3, 4, 1), dtype=np.uint8)
LABELS = np.array([0, 1, 0, 1, 2])


@pytest.fixture
def store(tmp_path):
    return tmp_path / "runs" / ".images"


def fill(store, digest="abc"):
    with new_entry(store) as new:
        new.part("train", (3, 4, 1)).append(IMAGES[:3], LABELS[:3])
        new.part("train", (3, 4, 1)).append(IMAGES[3:], LABELS[3:])
        return new.keep(digest, notes={"corrupt": ["a.png is no picture"]})


def test_what_was_appended_comes_back_mapped_and_in_order(store):
    fill(store)
    entry = open_entry(store, "abc")
    split = entry.splits["train"]
    assert split.is_on_disk
    assert np.array_equal(split.images, IMAGES)
    assert split.labels.tolist() == LABELS.tolist()
    assert entry.notes == {"corrupt": ["a.png is no picture"]}


def test_the_files_are_plain_arrays_that_numpy_loads(store):
    fill(store)
    assert np.array_equal(np.load(store / "abc" / "train_images.npy"), IMAGES)


def test_what_was_never_stored_is_not_there(store):
    assert open_entry(store, "abc") is None
    assert not store.exists()


def test_an_entry_that_fails_leaves_no_folder_behind(store, tmp_path):
    with pytest.raises(ValueError, match="cannot reshape"), new_entry(store) as new:
        new.part("train", (3, 4, 1)).append(IMAGES.reshape(7, 7), LABELS)
    assert list(tmp_path.iterdir()) == []


def test_an_entry_that_fails_leaves_the_others_alone(store):
    fill(store)
    with pytest.raises(RuntimeError, match="stop"), new_entry(store):
        raise RuntimeError("stop")
    assert [path.name for path in store.iterdir()] == ["abc"]
    assert open_entry(store, "abc") is not None


def test_an_entry_that_is_not_kept_is_not_there(store, tmp_path):
    with new_entry(store) as new:
        new.part("train", (3, 4, 1)).append(IMAGES, LABELS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["train_images.npy", "train_labels.npy"])
@pytest.mark.parametrize("damage", [lambda content: content[:-1], lambda content: content[:-1] + b"\xfe"])
def test_a_damaged_entry_is_out_of_the_way(store, name, damage):
    fill(store)
    path = store / "abc" / name
    path.write_bytes(damage(path.read_bytes()))
    assert open_entry(store, "abc") is None
    assert not (store / "abc").exists()
    fill(store)
    assert open_entry(store, "abc") is not None


@pytest.mark.parametrize("index", ["", "[]", "{}", json.dumps({"files": {"gone.npy": [1, "0"]}, "parts": []})])
def test_an_entry_with_a_damaged_index_is_out_of_the_way(store, index):
    fill(store)
    (store / "abc" / "index.json").write_text(index)
    assert open_entry(store, "abc") is None


@pytest.mark.parametrize("name", ["index.json", "train_images.npy"])
def test_an_entry_with_a_pipe_in_it_does_not_hang(store, name):
    fill(store)
    (store / "abc" / name).unlink()
    os.mkfifo(store / "abc" / name)
    assert open_entry(store, "abc") is None


def test_of_two_that_store_the_same_the_first_one_stays(store):
    first = fill(store)
    written = (store / "abc" / "train_images.npy").stat().st_ino
    second = fill(store)
    assert (store / "abc" / "train_images.npy").stat().st_ino == written
    assert np.array_equal(first.splits["train"].images, second.splits["train"].images)
    assert [path.name for path in store.iterdir()] == ["abc"]


def test_a_file_in_the_place_of_an_entry_is_told(store):
    store.mkdir(parents=True)
    (store / "abc").write_text("mine")
    with pytest.raises(InputError, match=r"abc can't be kept: there is something else of that name, so remove it"):
        fill(store)
    assert (store / "abc").read_text() == "mine"


def test_a_disk_that_takes_no_more_is_told_in_one_sentence_and_left_clean(store, tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with (
            pytest.raises(
                InputError, match=r"the images can't be written to .*\.images \(File too large\): free space"
            ),
            new_entry(store) as new,
        ):
            new.part("train", (100, 100, 1)).append(np.zeros((9, 100, 100, 1), np.uint8), np.zeros(9, np.int64))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert list(tmp_path.iterdir()) == []


def test_what_killed_processes_left_behind_goes_after_a_day(store):
    fill(store)
    for name, age in (("old", 90_000), ("new", 60)):
        left = store / f".part-{name}"
        left.mkdir()
        os.utime(left, (time.time() - age, time.time() - age))
    fill(store, "def")
    assert sorted(path.name for path in store.iterdir()) == [".part-new", "abc", "def"]
