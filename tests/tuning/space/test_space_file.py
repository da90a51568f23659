"""A space file: what it fixes, narrows and widens, and what it can't hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tuning.errors import InputError
from tuning.files.bounded_files import read_toml
from tuning.models.built_in import ClassificationTask, TunableClassifier
from tuning.models.network import adapt_ranges, default_ranges
from tuning.space.ranges import Choices, FloatRange, IntRange
from tuning.space.space_file import ranges_from

RANGES = default_ranges((28, 28, 1))


def test_every_way_of_writing_a_range_is_read(tmp_path: Path) -> None:
    (tmp_path / "space.toml").write_text(
        'padding = "same"\ndense_units = [64, 128]\ndropout = 0.2\n'
        "num_filters_1 = {low = 8, high = 128, step = 8}\n"
        "learning_rate = {low = 1e-4, high = 1e-1, log = true}\n"
    )

    assert ranges_from(read_toml(tmp_path / "space.toml")) == {
        "padding": Choices(values=("same",)),
        "dense_units": Choices(values=(64, 128)),
        "dropout": Choices(values=(0.2,)),
        "num_filters_1": IntRange(low=8, high=128, step=8),
        "learning_rate": FloatRange(low=1e-4, high=1e-1, log=True),
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"low": 1}, r"units must have low and high, got \{'low': 1\}"),
        ({"low": 1, "high": 2, "stepp": 1}, r"unknown key of units stepp: did you mean step\?"),
        ({"low": 3, "high": 2}, "units can't be .*: a range needs low <= high"),
        ({"low": 0.5, "high": 1.5, "step": 0.5}, "units is a range of real numbers, which has no step: leave it out"),
        ({"low": "a", "high": 2}, "units can't be .*: could not convert"),
        ([], r"units must be one value, a list of values of one kind, or a range, got \[\]"),
        ([1, "a"], "units must be one value, a list of values of one kind, or a range"),
        ([[1]], "units must be one value, a list of values of one kind, or a range"),
    ],
)
def test_what_is_no_range_is_refused(given: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ranges_from({"units": given})


def test_a_file_that_is_not_there_or_no_toml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("a = ")

    with pytest.raises(InputError, match=r"there is no file .*none\.toml: give a TOML file"):
        read_toml(tmp_path / "none.toml")
    with pytest.raises(InputError, match=r"bad\.toml can't be read as TOML \(Invalid value .*\): fix it there"):
        read_toml(tmp_path / "bad.toml")


def test_ranges_can_be_narrower_wider_and_fixed() -> None:
    changes = {"num_filters_1": IntRange(low=4, high=256, step=4), "dropout": Choices(values=(0,))}

    ranges = adapt_ranges(RANGES, changes)

    assert ranges["num_filters_1"] == changes["num_filters_1"]
    assert ranges["dropout"] == Choices(values=(0.0,))
    assert ranges["padding"] == RANGES["padding"]
    TunableClassifier(
        ClassificationTask(image_shape=(28, 28, 1), num_classes=10), ranges=ranges
    ).default_configuration()


def test_whole_numbers_stand_for_real_ones() -> None:
    changed = adapt_ranges(RANGES, {"learning_rate": IntRange(low=1, high=2)})

    assert changed["learning_rate"] == FloatRange(low=1.0, high=2.0)


@pytest.mark.parametrize(
    ("name", "domain", "message"),
    [
        ("dropuot", Choices(values=(0.1,)), r"unknown hyperparameter dropuot: did you mean dropout\?"),
        ("padding", Choices(values=("causal",)), "padding must be among valid, same, got one of causal"),
        ("pooling", IntRange(low=1, high=2), "pooling must be among max, average, got 1 to 2"),
        ("num_blocks", Choices(values=(5,)), "num_blocks must be a whole number of 1 to 4, got one of 5"),
        ("dropout", FloatRange(low=0.0, high=1.0), r"dropout must be a number of 0\.0 to 0\.95, got 0 to 1"),
        ("num_filters_2", FloatRange(low=8.0, high=9.0), "num_filters_2 must be a whole number of 1 to 4096, got 8 to"),
        ("batch_size", Choices(values=(True,)), "batch_size must be a whole number of 1 to 65536, got one of True"),
        ("learning_rate", Choices(values=("fast",)), "learning_rate must be a number of 1e-08 to 10.0, got one of"),
    ],
)
def test_what_no_model_can_be_built_of_is_refused(name: str, domain: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        adapt_ranges(RANGES, {name: domain})
