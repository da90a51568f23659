"""What `run.json` says of the data and the libraries, and that the data is found again."""

from __future__ import annotations

import dataclasses
import json
import platform

import numpy as np
import pytest

from tuning.data.array_options import ArrayOptions
from tuning.data.arrays.tables import dataset_of
from tuning.data.dataset import make_dataset
from tuning.data.folder_options import FolderOptions
from tuning.data.pictures.picture_folder import load_picture_folder
from tuning.data.sources.from_python import from_arrays
from tuning.data.sources.paths.npz import load_npz
from tuning.errors import InputError
from tuning.runs.recorded_data import describe_dataset, describe_versions, load_recorded_dataset
from tuning.runs.run_record import RecordedDataset


@pytest.fixture
def file(tmp_path, arrays):
    np.savez(tmp_path / "shapes.npz", **arrays)
    return tmp_path / "shapes.npz"


def recorded(dataset, path):
    """The description as it comes back from disk."""
    return RecordedDataset.from_json(
        json.loads(json.dumps(describe_dataset(dataset, validation=4, path=path).as_json()))
    )


def test_a_data_set_is_described_with_the_sizes_of_its_parts(file):
    dataset = load_npz(file)
    assert describe_dataset(dataset, validation=4, path=file).as_json() == {
        "name": "shapes.npz",
        "path": str(file.resolve()),
        "folder": None,
        "arrays": {"seed": 0, "labels": "auto", "is_strict": False},
        "sample_weight": None,
        "digest": dataset.digest,
        "fallback_reason": None,
        "class_names": ["0", "1", "2", "3"],
        "image_shape": [8, 8, 1],
        "input_shapes": {"image": [8, 8, 1]},
        "skipped": [],
        "train": 36,
        "validation": 4,
        "test": 20,
    }


def test_a_path_is_recorded_so_that_it_holds_in_every_folder(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    described = describe_dataset(load_npz(file), validation=4, path=file.relative_to(file.parent))
    assert described.path == str(file.resolve())


def test_describing_the_test_set_is_no_look_at_it(digits):
    before = digits.test.looks
    describe_dataset(digits, validation=140, path=None)
    assert digits.test.looks == before


def test_the_file_of_a_run_is_loaded_again(file):
    dataset = load_npz(file, name="my shapes")
    again = load_recorded_dataset(recorded(dataset, file))
    assert (again.name, again.digest) == ("my shapes", dataset.digest)


@pytest.mark.parametrize("options", [ArrayOptions(seed=5), ArrayOptions(labels="numbers")])
def test_a_file_is_read_again_as_it_was_read(tmp_path, arrays, options):
    np.savez(tmp_path / "shapes.npz", x=arrays["x_train"], y=arrays["y_train"] * 1.0)
    dataset = load_npz(tmp_path / "shapes.npz", options=options)
    again = load_recorded_dataset(recorded(dataset, tmp_path / "shapes.npz"))
    assert (again.digest, again.arrays, again.class_names) == (dataset.digest, options, dataset.class_names)
    assert np.array_equal(again.test.for_verification().images, dataset.test.for_verification().images)


def test_a_run_that_recorded_no_options_reads_its_file_as_it_did(tmp_path, arrays):
    measured = {key: array * 1.0 for key, array in arrays.items() if key.startswith("y_")}
    np.savez(tmp_path / "shapes.npz", **{**arrays, **measured}, x_val=arrays["x_test"], y_val=measured["y_test"])
    dataset = dataset_of({**arrays, **measured}, name="shapes.npz")
    record = recorded(dataset, tmp_path / "shapes.npz")
    assert load_recorded_dataset(dataclasses.replace(record, arrays=None)).digest == dataset.digest


def test_the_named_data_set_of_a_run_is_loaded_again(digits):
    assert load_recorded_dataset(recorded(digits, None)).digest == digits.digest


def test_a_file_that_changed_since_is_refused(file, arrays):
    record = recorded(load_npz(file), file)
    arrays["x_train"][0, 0, 0] ^= 1
    np.savez(file, **arrays)
    message = r"the data .*shapes\.npz changed since the run was made \(digest [0-9a-f]{12}…, was [0-9a-f]{12}…\)"
    with pytest.raises(InputError, match=message):
        load_recorded_dataset(record)


def test_a_named_data_set_that_changed_since_is_refused(digits):
    record = dataclasses.replace(recorded(digits, None), digest="0" * 64)
    with pytest.raises(InputError, match="the data digits changed since the run was made"):
        load_recorded_dataset(record)


def test_a_folder_of_pictures_is_loaded_again_as_it_was_read(picture_folder, tmp_path, monkeypatch):
    options = FolderOptions(path=picture_folder.name, image_size=(6, 5), seed=3, skip_corrupt=True)
    monkeypatch.chdir(picture_folder.parent)
    (picture_folder / "circle" / "bad.png").write_bytes(b"")
    dataset = load_picture_folder(options, store=tmp_path / "store")
    described = recorded(dataset, picture_folder)
    monkeypatch.chdir("/")
    again = load_recorded_dataset(described, store=tmp_path / "other store")
    assert described.skipped == ("circle/bad.png holds no bytes",)
    assert described.folder == dataclasses.replace(options, path=str(picture_folder))
    assert (again.name, again.digest, again.skipped) == (dataset.name, dataset.digest, dataset.skipped)
    assert np.array_equal(again.test.for_verification().images, dataset.test.for_verification().images)


def test_a_folder_that_changed_since_is_refused(picture_folder, tmp_path):
    dataset = load_picture_folder(FolderOptions(path=str(picture_folder)), store=tmp_path / "store")
    described = recorded(dataset, picture_folder)
    next((picture_folder / "circle").iterdir()).unlink()
    with pytest.raises(InputError, match="shapes changed since the run was made"):
        load_recorded_dataset(described, store=tmp_path / "store")


def test_given_validation_examples_do_not_count_as_trained_on(arrays):
    given = {**arrays, "x_validation": arrays["x_test"], "y_validation": arrays["y_test"]}
    described = describe_dataset(make_dataset(given, name="a"), validation=20, path=None)
    assert (described.train, described.validation, described.test) == (40, 20, 20)


def test_data_with_several_inputs_is_described_by_their_shapes():
    inputs = {"image": np.zeros((4, 3)), "b": np.zeros((4, 2, 2))}
    dataset = from_arrays((inputs, np.zeros(4)), (inputs, np.zeros(4)))
    described = describe_dataset(dataset, validation=1, path=None)
    assert (described.image_shape, described.input_shapes) == (None, {"b": (2, 2), "image": (3,)})
    assert described.class_names == ()


def test_data_that_a_program_handed_over_cannot_be_loaded_again(arrays):
    dataset = from_arrays((arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"]))
    with pytest.raises(InputError, match="the data arrays was handed over by a program and can't be loaded again"):
        load_recorded_dataset(recorded(dataset, None))


def test_a_file_that_is_gone_is_refused(file):
    record = recorded(load_npz(file), file)
    file.unlink()
    with pytest.raises(InputError, match=r"there is no file .*shapes\.npz"):
        load_recorded_dataset(record)


def test_the_versions_are_those_in_use():
    versions = describe_versions()
    assert list(versions) == ["python", "tensorflow", "keras", "keras-tuner", "numpy"]
    assert (versions["python"], versions["numpy"]) == (platform.python_version(), np.__version__)
