"""A file that answers differently by how it is opened or asked is found out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import helper

from export.artifact import Format
from export.rings import Candidate, same_bits
from export.rings.checks import invariance


def test_a_right_file_of_every_format_passes_in_every_way(right: Candidate) -> None:
    result = invariance.check(right)

    ways = ["batch 1", "batch 7", "batch 256", "loaded twice"]
    unoptimized = {
        Format.SAVED_MODEL: None,
        Format.TFLITE: "without XNNPACK",
        Format.ONNX: "without graph optimization",
        Format.OPENVINO: "with every tensor as an output",
    }[right.artifact.target.format]
    ways += ["1 threads", "2 threads", unoptimized] if unoptimized is not None else []
    assert result.failures == ()
    assert list(result.facts["differences"]) == ways
    assert result.facts["examples"] == 256


def test_a_file_whose_answers_depend_on_the_rest_of_the_batch_fails(
    planted: Callable[..., Candidate], between: Callable[..., Any]
) -> None:
    mix = [
        helper.make_node("ReduceMean", ["in"], ["mean"], axes=[0]),
        helper.make_node("Mul", ["mean", "little"], ["bit"]),
        helper.make_node("Add", ["in", "bit"], ["out"]),
    ]

    result = invariance.check(planted(between("logits", *mix, little=np.array(0.01, np.float32))))

    assert {failure.partition(":")[0] for failure in result.failures} >= {"batch 1", "batch 7", "batch 256"}
    assert not [failure for failure in result.failures if "asked twice" in failure]


def test_a_file_that_draws_numbers_fails(planted: Callable[..., Candidate], between: Callable[..., Any]) -> None:
    noise = [
        helper.make_node("RandomNormalLike", ["in"], ["noise"], scale=1e-9),
        helper.make_node("Mul", ["noise", "little"], ["bit"]),
        helper.make_node("Add", ["in", "bit"], ["out"]),
    ]

    result = invariance.check(planted(between("logits", *noise, little=np.array(1e3, np.float32))))

    assert "batch 1: asked twice, it answers differently" in result.failures
    assert "loaded twice, it answers differently" in result.failures


def test_a_file_that_cannot_answer_some_batch_fails(
    planted: Callable[..., Candidate], between: Callable[..., Any], standard: Any
) -> None:
    fixed = helper.make_node("Reshape", ["in", "shape"], ["out"])

    result = invariance.check(planted(between("logits", fixed, shape=np.array([1, 3], np.int64))))

    assert [failure for failure in result.failures if failure.startswith("batch 7: onnxruntime can't run the file")]
    assert not [failure for failure in result.failures if failure.startswith("batch 1:")]


def test_nan_is_never_the_same_bits() -> None:
    answers = {"a": np.array([1.0, np.nan])}

    assert not same_bits(answers, answers)
    assert not same_bits({"a": np.zeros(2)}, {"b": np.zeros(2)})
    assert same_bits({"a": np.zeros(2)}, {"a": np.zeros(2)})


def test_an_answer_beyond_the_limit_fails_in_every_way(planted: Callable[..., Candidate], standard: Any) -> None:
    moved = {"probabilities": np.roll(standard.probabilities, 1, axis=1)}

    result = invariance.check(planted(reference=dataclasses.replace(standard, outputs=moved)))

    assert len({failure.partition(":")[0] for failure in result.failures}) == 7
