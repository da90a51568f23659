"""Which tensor is which layer's is told by the values alone."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from export.errors import InputError
from export.layers.differences import compare_layers
from export.layers.matching import LayerMatch, match_layers
from export.layers.sampling import choose_positions
from export.layers.trace import LayerTrace, Place, TracedLayer


def layer(name: str, answers: np.ndarray) -> TracedLayer:
    positions = choose_positions(answers)
    return TracedLayer(
        name=name,
        place=Place.LAYER,
        shape=answers.shape[1:],
        sources=None,
        low=float(answers.min()),
        high=float(answers.max()),
        positions=positions,
        values=answers.reshape(len(answers), -1)[:, positions],
    )


def runs(**tensors: np.ndarray) -> list[dict[str, np.ndarray]]:
    """One run for each of the 4 examples."""
    return [{name: tensor[at : at + 1] for name, tensor in tensors.items()} for at in range(4)]


@pytest.fixture
def answers() -> np.ndarray:
    """Of 4 examples: (4, 5, 6, 7)."""
    return np.random.default_rng(0).normal(size=(4, 5, 6, 7)).astype(np.float32)


def test_a_layer_is_known_again_with_its_channels_first(answers: np.ndarray) -> None:
    trace = LayerTrace(layers=(layer("conv", answers),))

    (found,) = match_layers(trace, compare_layers(trace, runs(a=np.moveaxis(answers, -1, 1), b=-answers)), "float32")

    assert (found.layer, found.tensor, found.difference.largest) == ("conv", "a", 0.0)
    assert found.difference.agreement == 1


def test_copies_are_told_apart_by_their_shape_and_order(answers: np.ndarray) -> None:
    flat = answers.reshape(4, -1)
    trace = LayerTrace(layers=(layer("relu", answers), layer("flatten", flat)))
    tensors = runs(turned=np.moveaxis(answers, -1, 1), copy=answers, row=flat)

    found = match_layers(trace, compare_layers(trace, tensors), "float32")

    assert {match.layer: match.tensor for match in found} == {"relu": "turned", "flatten": "row"}


def test_a_layer_that_is_computed_with_the_next_has_no_tensor_even_if_it_is_close(answers: np.ndarray) -> None:
    normalized = (answers / np.sqrt(1.001)).astype(np.float32)
    trace = LayerTrace(layers=(layer("conv", answers), layer("untrained normalization", normalized)))

    found = match_layers(trace, compare_layers(trace, runs(only=normalized)), "int8")

    assert [match.layer for match in found] == ["untrained normalization"]


def test_a_constant_layer_matches_nothing(answers: np.ndarray) -> None:
    trace = LayerTrace(layers=(layer("dead", np.zeros_like(answers)),))

    assert match_layers(trace, compare_layers(trace, runs(zeros=np.zeros_like(answers))), "float32") == ()


def test_a_difference_says_how_much_and_in_how_many_values(answers: np.ndarray) -> None:
    moved = answers.copy()
    moved[..., 2] *= 1.01
    trace = LayerTrace(layers=(layer("conv", answers),))

    ((found,),) = compare_layers(trace, runs(moved=moved))

    assert found.difference.largest == pytest.approx(0.01 * np.abs(answers[..., 2]).max(), rel=1e-3)
    assert found.difference.relative == pytest.approx(0.01, rel=1e-3)
    assert 0.7 < found.difference.agreement < 1
    assert found.has_shape


def test_nan_is_infinitely_far_from_everything(answers: np.ndarray) -> None:
    trace = LayerTrace(layers=(layer("conv", answers),))

    ((found,),) = compare_layers(trace, runs(broken=np.where(answers > 1, np.nan, answers)))

    assert (found.difference.largest, found.difference.share) == (np.inf, np.inf)


@pytest.mark.parametrize("count", [0, 3])
def test_there_must_be_a_run_for_each_example(answers: np.ndarray, count: int) -> None:
    trace = LayerTrace(layers=(layer("conv", answers),))

    with pytest.raises(InputError, match=f"recorded for 4 examples but the file was asked {count}: ask it the same"):
        compare_layers(trace, runs(a=answers)[:count])


def test_a_record_comes_back_from_json(exported: Callable[[str], Any]) -> None:
    recorded = exported("plain").recorded["model.onnx"]

    text = json.dumps([dataclasses.asdict(match) for match in recorded], allow_nan=False)

    assert tuple(LayerMatch.from_json(fact) for fact in json.loads(text)) == recorded
