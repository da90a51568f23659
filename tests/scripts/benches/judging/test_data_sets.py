"""The data sets that searches are judged on: what is changed, what stays, and the same bytes every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scripts.benches.judging import data_sets, tables
from scripts.benches.judging.data_sets import VARIANTS, write


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    """Ten classes of 28×28 images, each a bright bar elsewhere."""
    labels = np.arange(1200) % 10
    images = np.zeros((1200, 28, 28), np.uint8)
    for index, label in enumerate(labels):
        images[index, 4:24, 5 + 2 * label] = 255
    return {"x_train": images[:1100], "y_train": labels[:1100], "x_test": images[1100:], "y_test": labels[1100:]}


@pytest.fixture(autouse=True)
def small_scenes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(data_sets.SCENES, "train", 40)
    monkeypatch.setitem(data_sets.SCENES, "test", 20)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_a_data_set_of_uint8_images_with_their_labels(name: str, arrays: dict[str, np.ndarray]) -> None:
    made = VARIANTS[name](arrays, np.random.default_rng(0))

    for part in ("train", "test"):
        images, labels = made[f"x_{part}"], made[f"y_{part}"]
        assert images.dtype == np.uint8
        assert len(images) == len(labels) > 0
        assert set(np.unique(labels)) == set(range(10))
        assert images.max() > 100


def test_scenes_are_coloured_and_larger(arrays: dict[str, np.ndarray]) -> None:
    scenes = VARIANTS["scenes"](arrays, np.random.default_rng(0))["x_train"]

    assert scenes.shape == (40, 64, 64, 3)
    assert np.ptp(scenes.astype(int), axis=3).max() > 30


def test_few_takes_as_many_of_each_class_and_all_of_the_test_set(arrays: dict[str, np.ndarray]) -> None:
    made = VARIANTS["few"](arrays, np.random.default_rng(0))

    assert np.bincount(made["y_train"]).tolist() == [100] * 10
    assert len(made["x_test"]) == 100


def test_backgrounds_leave_the_ink(arrays: dict[str, np.ndarray]) -> None:
    made = VARIANTS["backgrounds"](arrays, np.random.default_rng(0))["x_train"]

    ink = arrays["x_train"] == 255
    assert (made[ink] == 255).all()
    assert made[~ink].max() <= data_sets.LARGEST_BACKGROUND
    assert made[~ink].std() > 20


@pytest.mark.parametrize("name", VARIANTS)
def test_the_same_bytes_come_every_time(name: str, arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()

    one, other = (write(name, arrays, tmp_path / folder).read_bytes() for folder in ("one", "other"))

    assert one == other


@pytest.mark.slow
def test_a_table_goes_on_where_it_was_left(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    path, table = write("few", arrays, tmp_path), tmp_path / "few.jsonl.gz"
    part = tables.Part(training=64, validation=32, test=32, epochs=2)

    assert tables.fill(path, part, table, count=1, seconds=600, workers=1) == 2
    assert tables.fill(path, part, table, count=2, seconds=600, workers=1) == 4

    lines = tables.read_table(table)
    assert [line["seed"] for line in lines] == [0, 1, 0, 1]
    assert lines[0]["hyperparameters"] == lines[1]["hyperparameters"] != lines[2]["hyperparameters"]
    assert all(len(line["val_loss"]) == len(line["seconds"]) == 2 for line in lines)
    assert tables.fill(path, part, table, count=2, seconds=600, workers=1) == 4
