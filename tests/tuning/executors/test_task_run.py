"""What an attempt tells of a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import pytest

from tuning.executors.interface import ModelBuilt
from tuning.executors.places.in_process import InThisProcess
from tuning.models.user_model import UserModel, Wishes

pytestmark = pytest.mark.slow


class Subclassed(keras.Model):
    """Does not declare what it takes."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.inner = [keras.layers.Flatten(), keras.layers.Dense(units), keras.layers.Dense(10, activation="softmax")]

    def call(self, inputs: Any) -> Any:
        for layer in self.inner:
            inputs = layer(inputs)
        return inputs


def build(hp: Any) -> keras.Model:
    model = Subclassed(hp.Int("units", 4, 8))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("counts", [False, True])
def test_the_multiplications_of_a_model_that_declares_no_inputs_are_counted(
    here: Any, workplace: Any, search_data: Any, tmp_path: Path, counts: bool
) -> None:
    own = UserModel(build, search_data, wishes=Wishes(pixel_scale=(1 / 255, 0.0)))
    here.executor = InThisProcess(replace(workplace, builder=own, counts_macs=counts))
    here.plan = replace(here.plan, hyperparameters={"units": 4})

    end = here.end(here.task(until=1))

    built = next(report for report in here.reports if isinstance(report, ModelBuilt))
    assert built.macs == end.macs == (28 * 28 * 4 + 4 * 10 if counts else None)
