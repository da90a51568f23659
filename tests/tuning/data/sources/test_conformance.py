"""One conformance suite for every data set with a name, and one for every kind of file or folder."""

from __future__ import annotations

import numpy as np
import pytest

from tuning.data.folder_options import FolderOptions
from tuning.data.sources import named, paths
from tuning.data.sources.by_name import DATA_DIR_VARIABLE, dataset_names, load_dataset, path_source
from tuning.data.sources.source import FOLDER, OTHER, Reading
from tuning.errors import InputError
from tuning.found import load_from, names_in
from tuning.runs.recorded_data import describe_dataset, load_recorded_dataset

SOURCES = {name: load_from(paths.__name__, name, "SOURCE", what="source") for name in names_in(paths.__name__)}
SUFFIXES = [(suffix, source) for source in SOURCES.values() for suffix in source.suffixes]


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Load by name; what goes through Keras is read from a folder, so that no network is needed."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 28, 28), dtype=np.uint8)
    labels = np.arange(60) % 10

    def call(name):
        for stem in (name, "mnist"):
            np.savez(tmp_path / f"{stem}.npz", x_train=images, y_train=labels, x_test=images[:20], y_test=labels[:20])
        monkeypatch.setenv(DATA_DIR_VARIABLE, str(tmp_path))
        return load_dataset(name)

    return call


@pytest.mark.parametrize("name", dataset_names())
def test_a_named_data_set_is_the_same_every_time(load, name):
    assert load(name).digest == load(name).digest


@pytest.mark.parametrize("name", dataset_names())
def test_a_named_data_set_holds_images_of_every_class(load, name):
    dataset = load(name)
    assert dataset.is_classification
    assert set(dataset.training.labels) == set(range(dataset.num_classes))
    assert dataset.training.images.dtype == np.uint8


@pytest.mark.parametrize("name", dataset_names())
def test_a_run_reads_its_named_data_set_again(load, name):
    dataset = load(name)
    described = describe_dataset(dataset, validation=1, path=None)
    assert described.name in dataset_names()
    assert load_recorded_dataset(described).digest == dataset.digest


def test_every_named_source_is_found():
    assert dataset_names() == names_in(named.__name__)


def test_every_kind_of_file_has_one_source():
    suffixes = [suffix for suffix, _ in SUFFIXES]
    assert len(set(suffixes)) == len(suffixes)
    assert {FOLDER, OTHER} <= set(suffixes)


@pytest.mark.parametrize(("suffix", "source"), SUFFIXES)
def test_a_path_leads_to_its_source(tmp_path, suffix, source):
    assert path_source(tmp_path / f"data{suffix.strip('/')}", is_folder=suffix == FOLDER) is source


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04", b"1,2\n3\n"])
@pytest.mark.parametrize("suffix", [suffix for suffix, _ in SUFFIXES])
def test_what_can_not_be_read_is_refused_in_a_sentence(tmp_path, suffix, content):
    path = tmp_path / f"data{suffix.strip('/')}"
    if content is not None:
        path.write_bytes(content)
    reading = Reading(path=path, folder=FolderOptions(path=str(path)), store=tmp_path / "store")
    with pytest.raises(InputError, match="data"):
        path_source(path, is_folder=suffix == FOLDER).load(reading)


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_a_source_takes_options_that_there_are(source):
    assert set(source.takes) <= {"labels", "image_size", "skip_corrupt"}
