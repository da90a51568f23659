"""What is asked of the model on the command line."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from scripts.options.model import ModelChoice, make_builder
from tuning.data.dataset import Split
from tuning.data.search_data import SearchData
from tuning.errors import InputError
from tuning.lifecycle.complete import describe_model


def test_a_choice_survives_as_options() -> None:
    choice = ModelChoice(model="package.module:build", pixel_scale="unit", batch_size="8,16", callback=("a.b:c",))

    assert ModelChoice.from_options(choice.as_options()) == choice


@pytest.mark.parametrize(("text", "sizes"), [(None, ()), ("64", (64,)), ("32,64,32", (32, 64))])
def test_batch_sizes_are_read(text: str | None, sizes: tuple[int, ...]) -> None:
    assert ModelChoice(batch_size=text).batch_sizes == sizes


@pytest.mark.parametrize("text", ["", "0", "-1", "a", "1,", "1.5"])
def test_other_batch_sizes_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="--batch-size must be whole numbers from 1, like 64 or 32,64,128, got"):
        ModelChoice(batch_size=text)


def test_a_space_that_is_no_json_is_refused() -> None:
    with pytest.raises(InputError, match=r"--space must be a TOML file, got \{u=3\}"):
        ModelChoice.from_options({"space": "{u=3}"})


def test_another_class_weight_is_refused() -> None:
    with pytest.raises(InputError, match="--class-weight must be balanced, got heavy"):
        ModelChoice(class_weight="heavy")


def test_a_pixel_scale_needs_a_model() -> None:
    with pytest.raises(InputError, match="--pixel-scale goes with --model: the built-in model rescales pixels itself"):
        ModelChoice(pixel_scale="unit")


def test_the_built_in_model_takes_batch_sizes_and_ranges(search_data: SearchData) -> None:
    choice = ModelChoice(batch_size="16,48", space={"dropout": 0.25})

    builder = make_builder(choice, search_data)

    assert builder.described_space()["batch_size"] == "one of 16, 48"
    assert builder.described_space()["dropout"] == "one of 0.25"
    assert describe_model(builder, choice.model).as_json() == {
        "source": None,
        "digest": None,
        "pixel_scale": None,
        "kind": "classifier",
    }


def test_the_built_in_model_needs_labels(search_data: SearchData) -> None:
    numbers = Split(images=search_data.training.images, labels=search_data.training.labels.astype(np.float32))
    data: Any = dataclasses.replace(search_data, training=numbers, num_classes=0)

    with pytest.raises(
        InputError,
        match="the data does not say which class an image shows: the built-in model needs one uint8",
    ):
        make_builder(ModelChoice(), data)
