"""Where data come from, and what happens where they do not."""

from __future__ import annotations

import re
import socket
import zipfile

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.data.array_options import STRICT, ArrayOptions
from tuning.data.sources.by_name import DATA_DIR_VARIABLE, load_dataset
from tuning.data.sources.keras_data import SILENCE_SECONDS
from tuning.data.sources.named.fashion_mnist import CLASS_NAMES
from tuning.data.sources.paths.npz import load_npz
from tuning.errors import InputError


@pytest.fixture
def ten_classes():
    """Arrays that could be MNIST: ten classes of 28×28 images."""
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.integers(0, 256, (40, 28, 28), dtype=np.uint8),
        "y_train": np.arange(40, dtype=np.uint8) % 10,
        "x_test": rng.integers(0, 256, (20, 28, 28), dtype=np.uint8),
        "y_test": np.arange(20, dtype=np.uint8) % 10,
    }


@pytest.fixture(autouse=True)
def _without_data_folder(monkeypatch):
    monkeypatch.delenv(DATA_DIR_VARIABLE, raising=False)


def fail_like_keras():
    raise Exception("URL fetch failure on https://example.org/mnist.npz: None -- [Errno -3] No route\nsecond line")


@pytest.fixture
def no_network(monkeypatch):
    """Keras's downloads fail in the way that they do without a network."""
    for name in ("mnist", "fashion_mnist"):
        monkeypatch.setattr(getattr(keras.datasets, name), "load_data", fail_like_keras)


def test_the_digits_are_complete_and_as_large_as_mnist(digits):
    assert (len(digits.training), len(digits.test)) == (1442, 355)
    assert digits.image_shape == (28, 28, 1)
    assert digits.class_names == tuple("0123456789")
    assert digits.training.images.max() == 255
    assert (digits.fallback_reason, digits.warnings) == ("", ())


def test_the_digits_are_the_same_every_time(digits):
    assert load_dataset("digits").digest == digits.digest


def test_a_file_is_read_under_its_own_name(tmp_path, arrays):
    np.savez(tmp_path / "shapes.npz", **arrays)
    dataset = load_npz(tmp_path / "shapes.npz")
    assert dataset.name == "shapes.npz"
    assert np.array_equal(dataset.training.images[..., 0], arrays["x_train"])


def test_a_file_with_more_than_the_four_arrays_is_taken(tmp_path, arrays):
    np.savez_compressed(tmp_path / "shapes.npz", **arrays, notes=np.array(["a", "b"]))
    assert len(load_npz(tmp_path / "shapes.npz").training) == 40


def test_a_file_carries_class_names_and_validation_images(tmp_path, arrays):
    names = np.array(["north", "east", "south", "west"])
    given = {**arrays, "x_validation": 255 - arrays["x_test"], "y_validation": arrays["y_test"], "class_names": names}
    np.savez(tmp_path / "shapes.npz", **given)
    dataset = load_npz(tmp_path / "shapes.npz")
    assert dataset.class_names == ("north", "east", "south", "west")
    assert np.array_equal(dataset.validation.images[..., 0], given["x_validation"])


def test_a_file_of_numbers_to_predict_is_taken(tmp_path, arrays):
    measured = {key: array / np.float32(3) for key, array in arrays.items() if key.startswith("y_")}
    np.savez(tmp_path / "measured.npz", **{**arrays, **measured})
    dataset = load_npz(tmp_path / "measured.npz")
    assert not dataset.is_classification
    assert dataset.training.labels.dtype == np.float32


def test_a_file_with_named_inputs_is_taken(tmp_path, arrays):
    given = {f"{key}_left" if key.startswith("x_") else key: array for key, array in arrays.items()}
    np.savez(tmp_path / "named.npz", **given, x_train_right=arrays["x_train"], x_test_right=arrays["x_test"])
    assert load_npz(tmp_path / "named.npz").input_shapes == {"left": (8, 8), "right": (8, 8)}


def test_arrays_under_other_names_are_the_same_data(tmp_path, arrays):
    names = {"x_train": "train_images", "y_train": "train_labels", "x_test": "test_images", "y_test": "test_labels"}
    np.savez(tmp_path / "exact.npz", **arrays)
    np.savez(tmp_path / "medical.npz", **{names[key]: array for key, array in arrays.items()})
    assert load_npz(tmp_path / "medical.npz").digest == load_npz(tmp_path / "exact.npz").digest


def test_an_error_says_what_the_array_is_called_in_the_file(tmp_path, arrays):
    np.savez(tmp_path / "shapes.npz", images=arrays["x_train"] / 255, labels=arrays["y_train"])
    with pytest.raises(InputError, match=r"^x_train has dtype float64 .* \(x_train is called images\)$"):
        load_npz(tmp_path / "shapes.npz")


def test_an_error_about_exact_names_stays_as_it_is(tmp_path, arrays):
    np.savez(tmp_path / "shapes.npz", **{**arrays, "x_val": arrays["x_test"], "y_val": arrays["y_test"] + 9})
    with pytest.raises(
        InputError, match=r"y_validation holds the label 12 .* 0 to 3 \(y_validation is called y_val\)$"
    ):
        load_npz(tmp_path / "shapes.npz")


def test_validation_images_under_other_names_are_validated_with(tmp_path, arrays):
    np.savez(tmp_path / "shapes.npz", **arrays, x_val=arrays["x_test"], y_val=arrays["y_test"])
    assert len(load_npz(tmp_path / "shapes.npz").validation) == 20
    assert load_npz(tmp_path / "shapes.npz", options=STRICT).validation is None


@pytest.mark.parametrize(
    ("labels", "digest"),
    [
        (np.arange(8) % 2, "ba52ceda1599a7bd3ec7c933f8e0207edd82aeb01aca26c38a0fb03f7cae9c1b"),
        (np.arange(8) / 4, "0a77a5c7d483f0cf34ece3d6f9bbdf74187c744685d991241936f77c7ed56231"),
    ],
)
def test_the_digests_of_finished_runs_stay_what_they_are(tmp_path, labels, digest):
    images = np.arange(32, dtype=np.uint8).reshape(8, 2, 2)
    np.savez(tmp_path / "a.npz", x_train=images, y_train=labels, x_test=images[:2], y_test=labels[:2])
    assert load_npz(tmp_path / "a.npz").digest == digest


def test_a_file_without_a_test_is_split_by_the_seed(tmp_path, arrays):
    np.savez(tmp_path / "shapes.npz", x=arrays["x_train"], y=arrays["y_train"])
    first, other = (load_npz(tmp_path / "shapes.npz", options=ArrayOptions(seed=seed)) for seed in (0, 1))
    assert (len(first.training), len(first.test)) == (32, 8)
    assert first.digest != other.digest


@pytest.mark.parametrize(
    ("name", "shown"), [("caf\udce9.npz", r"caf\xe9.npz is not UTF-8"), ("a\nb.npz", r"a\nb.npz holds")]
)
def test_a_file_whose_name_cannot_go_into_exported_ones_is_refused(tmp_path, arrays, name, shown):
    np.savez(tmp_path / name, **arrays)
    with pytest.raises(InputError, match=f"the name of .*{re.escape(shown)}.*: rename it"):
        load_npz(tmp_path / name)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"there is no file .*none\.npz: give an npz file with x_train, y_train"):
        load_npz(tmp_path / "none.npz")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(InputError, match="is a folder and not a file: give an npz file with x_train"):
        load_npz(tmp_path)


def test_a_file_with_other_arrays_tells_what_it_holds(tmp_path):
    np.savez(tmp_path / "other.npz", pictures=np.zeros(3), species=np.zeros(3))
    with pytest.raises(InputError, match=r"other\.npz lacks x_train and y_train: it must .*found pictures, species"):
        load_npz(tmp_path / "other.npz")


def test_a_single_array_under_the_name_of_an_npz_file_is_refused(tmp_path):
    np.save(tmp_path / "array.npy", np.zeros(3))
    (tmp_path / "array.npy").rename(tmp_path / "array.npz")
    with pytest.raises(InputError, match=r"array\.npz holds a single array: save all four with numpy\.savez"):
        load_npz(tmp_path / "array.npz")


@pytest.mark.parametrize("content", [b"", b"x_train,y_train\n1,2\n", b"PK\x03\x04"], ids=["empty", "text", "head"])
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    (tmp_path / "shapes.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"shapes\.npz can't be read as npz \(.+\): is it complete"):
        load_npz(tmp_path / "shapes.npz")


def test_a_text_is_refused_without_a_word_of_pickle(tmp_path):
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(InputError, match=r"text\.npz can't be read as npz \(it is no zip archive\): is it complete"):
        load_npz(tmp_path / "text.npz")


def test_pickled_objects_are_refused_unread(tmp_path, arrays):
    np.savez(tmp_path / "shapes.npz", **{**arrays, "y_train": np.array([print, print], dtype=object)})
    with pytest.raises(InputError, match=r"y_train holds Python objects, which are not read: store names"):
        load_npz(tmp_path / "shapes.npz")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_file_cut_anywhere_is_refused(tmp_path, arrays, save):
    save(tmp_path / "whole.npz", **arrays)
    whole = (tmp_path / "whole.npz").read_bytes()
    for length in range(0, len(whole), 97):
        (tmp_path / "cut.npz").write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"cut\.npz can't be read as npz"):
            load_npz(tmp_path / "cut.npz")


@given(position=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_damaged_bit_of_pixels_never_passes_unnoticed(tmp_path_factory, position, bit):
    path = tmp_path_factory.mktemp("damaged") / "shapes.npz"
    images = np.zeros((4, 8, 8), np.uint8)
    labels = np.array([0, 1, 0, 1])
    np.savez(path, x_train=images, y_train=labels, x_test=images, y_test=labels)
    content = bytearray(path.read_bytes())
    start = content.index(bytes(256))
    content[start + int(position * 256)] ^= 1 << bit
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"can't be read as npz .*Bad CRC-32"):
        load_npz(path)


@pytest.mark.parametrize(
    ("offset", "value"), [(8, 1), (6, 109), (10, 99)], ids=["encrypted", "future version", "unknown compression"]
)
def test_an_archive_that_python_has_no_means_to_open_is_refused(tmp_path, arrays, offset, value):
    path = tmp_path / "shapes.npz"
    np.savez(path, **arrays)
    content = bytearray(path.read_bytes())
    for entry in range(4):
        local = [info.header_offset for info in zipfile.ZipFile(path).infolist()][entry]
        content[local + offset - 2] = value
    directory = content.index(b"PK\x01\x02")
    content[directory + offset] = value
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"shapes\.npz can't be read as npz"):
        load_npz(path)


def test_an_unknown_name_is_refused():
    message = "unknown dataset cifar: choose one of auto, digits, fashion_mnist, mnist, or give `data` FILE.npz"
    with pytest.raises(InputError, match=message):
        load_dataset("cifar")


@pytest.mark.parametrize("name", ["auto", "mnist"])
def test_mnist_is_read_from_the_data_folder(tmp_path, monkeypatch, ten_classes, no_network, name):
    np.savez(tmp_path / "mnist.npz", **ten_classes)
    monkeypatch.setenv(DATA_DIR_VARIABLE, str(tmp_path))
    dataset = load_dataset(name)
    assert (dataset.name, dataset.fallback_reason) == ("mnist", "")
    assert np.array_equal(dataset.test.for_verification().images[..., 0], ten_classes["x_test"])


def test_fashion_mnist_is_read_from_the_data_folder_with_its_class_names(tmp_path, monkeypatch, ten_classes):
    np.savez(tmp_path / "fashion_mnist.npz", **ten_classes)
    monkeypatch.setenv(DATA_DIR_VARIABLE, str(tmp_path))
    dataset = load_dataset("fashion_mnist")
    assert (dataset.name, dataset.class_names) == ("fashion_mnist", CLASS_NAMES)


@pytest.mark.parametrize("name", ["auto", "mnist"])
def test_a_data_folder_without_the_file_is_an_error_and_no_reason_to_substitute(tmp_path, monkeypatch, name):
    monkeypatch.setenv(DATA_DIR_VARIABLE, str(tmp_path))
    with pytest.raises(InputError, match=r"TUNING_DATA_DIR is set but there is no .*mnist\.npz: put the file there"):
        load_dataset(name)


def test_a_file_in_the_data_folder_without_a_test_is_an_error(tmp_path, monkeypatch, ten_classes):
    np.savez(tmp_path / "mnist.npz", x_train=ten_classes["x_train"], y_train=ten_classes["y_train"])
    monkeypatch.setenv(DATA_DIR_VARIABLE, str(tmp_path))
    with pytest.raises(InputError, match="mnist lacks x_test, y_test: it must hold"):
        load_dataset("mnist")


def test_a_damaged_file_in_the_data_folder_is_no_reason_to_substitute(tmp_path, monkeypatch):
    (tmp_path / "mnist.npz").write_bytes(b"PK\x03\x04")
    monkeypatch.setenv(DATA_DIR_VARIABLE, str(tmp_path))
    with pytest.raises(InputError, match=r"mnist\.npz can't be read as npz"):
        load_dataset("auto")


def test_auto_falls_back_to_the_digits_and_says_why(no_network, digits):
    dataset = load_dataset("auto")
    assert dataset.name == "digits"
    assert dataset.digest == digits.digest
    assert dataset.fallback_reason == (
        "MNIST is not available: its download failed (URL fetch failure on https://example.org/mnist.npz: None -- "
        "[Errno -3] No route)"
    )


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_a_data_set_asked_for_by_name_is_never_substituted(no_network, name):
    message = (
        rf"{name} is not available: its download failed \(URL fetch failure .*No route\); connect .*set TUNING_DATA"
    )
    with pytest.raises(InputError, match=message):
        load_dataset(name)


def test_a_failure_without_words_is_told_by_its_kind(monkeypatch):
    def time_out():
        raise TimeoutError

    monkeypatch.setattr(keras.datasets.mnist, "load_data", time_out)
    assert "its download failed (TimeoutError)" in load_dataset("auto").fallback_reason


def test_what_keras_has_is_taken_under_a_limit_of_silence_that_ends_with_the_download(monkeypatch, ten_classes):
    limits = []

    def load_data():
        limits.append(socket.getdefaulttimeout())
        return (ten_classes["x_train"], ten_classes["y_train"]), (ten_classes["x_test"], ten_classes["y_test"])

    before = socket.getdefaulttimeout()
    monkeypatch.setattr(keras.datasets.mnist, "load_data", load_data)
    dataset = load_dataset("auto")
    assert (dataset.name, dataset.fallback_reason) == ("mnist", "")
    assert limits == [SILENCE_SECONDS] == [10.0]
    assert socket.getdefaulttimeout() == before


def test_the_limit_of_silence_ends_after_a_failed_download_too(no_network):
    before = socket.getdefaulttimeout()
    load_dataset("auto")
    assert socket.getdefaulttimeout() == before


def test_a_download_keeps_the_standard_output_clean(monkeypatch, ten_classes, capsys):
    def load_data():
        print("Downloading data from https://example.org")
        fail_like_keras()

    monkeypatch.setattr(keras.datasets.mnist, "load_data", load_data)
    load_dataset("auto")
    assert capsys.readouterr().out == ""
