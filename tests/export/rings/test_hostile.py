"""Inputs that break the contract are refused by every runtime of ours, and a runtime that answers them fails."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from export.artifact import TensorSpec
from export.rings import Candidate
from export.rings.checks import hostile


@dataclasses.dataclass(frozen=True)
class Unchecked:
    """A model that runs whatever it is given, as a runtime alone would."""

    model: Any

    def answer(self, inputs: Any) -> Any:
        return self.model.backend.run(inputs)


@dataclasses.dataclass(frozen=True)
class Careless:
    """A model that answers everything."""

    def answer(self, inputs: Any) -> Any:
        return {"probabilities": np.zeros((1, 3), np.float32)}


def test_every_format_refuses_every_attack(right: Candidate) -> None:
    result = hostile.check(right)

    assert result.failures == ()
    assert result.facts["attacks"] == 10


def test_a_runtime_without_our_checks_answers_a_batch_of_0(planted: Callable[..., Candidate]) -> None:
    candidate = planted()

    unchecked = dataclasses.replace(candidate, model=Unchecked(candidate.model))

    assert "a batch of 0 of image was answered" in hostile.check(unchecked).failures


def test_a_model_that_answers_everything_is_named_with_every_attack(planted: Callable[..., Candidate]) -> None:
    found = hostile.check(dataclasses.replace(planted(), model=Careless()))

    assert len(found.failures) == found.facts["attacks"] == 10
    assert "channels first of image was answered" in found.failures
    assert "dtype float64 of image was answered" in found.failures
    assert "a missing input was answered" in found.failures


@pytest.mark.parametrize(
    ("shape", "attacks"), [((None,), 8), ((None, 4), 9), ((None, 3, 3, 3), 9), ((None, 4, 3, 1), 10)]
)
def test_inputs_of_any_dimensions_are_attacked(
    planted: Callable[..., Candidate], shape: tuple[int | None, ...], attacks: int
) -> None:
    candidate = planted()
    spec = TensorSpec(name="x1", dtype="int16", shape=shape)
    artifact = dataclasses.replace(candidate.artifact, inputs=(spec,))

    found = hostile.check(dataclasses.replace(candidate, artifact=artifact, model=Careless()))

    assert len(found.failures) == attacks
