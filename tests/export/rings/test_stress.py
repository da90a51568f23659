"""A file that is right on ordinary images and wrong on others is found out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import helper

from export.comparison.parity import compare
from export.formats.runtime import answer_all
from export.rings import Candidate
from export.rings.checks import stress


def test_a_right_file_of_every_format_passes(right: Candidate) -> None:
    result = stress.check(right)

    assert result.failures == ()
    assert result.facts["examples"] == 144
    assert result.facts["max_abs_error"] <= 1e-5


def test_a_file_that_is_wrong_on_bright_images_alone_fails_here_and_not_on_the_test_set(
    planted: Callable[..., Candidate], between: Callable[..., Any]
) -> None:
    clip = helper.make_node("Clip", ["in", "", "brightest"], ["out"])

    candidate = planted(between("float", clip, brightest=np.array(200, np.float32)))

    standard = candidate.reference
    (answers,) = answer_all(candidate.model, standard.inputs).values()
    assert compare(standard.probabilities, answers, standard.labels, tolerance=candidate.tolerance).passed
    (failure, *_) = stress.check(candidate).failures
    assert failure.startswith("a probability differs by ")


def test_a_right_file_passes(planted: Callable[..., Candidate]) -> None:
    assert stress.check(planted()).passed


def test_a_folder_without_stress_inputs_does_not_pass(planted: Callable[..., Candidate], standard: Any) -> None:
    without = dataclasses.replace(standard, stress_inputs={}, stress_outputs={})

    result = stress.check(planted(reference=without))

    assert result.failures == ("there are no stress inputs: export the model again",)


def test_an_answer_that_is_not_finite_fails(planted: Callable[..., Candidate], between: Callable[..., Any]) -> None:
    # 0 / 0 where an image is black.
    norm = [
        helper.make_node("ReduceSum", ["in", "axes"], ["sum"]),
        helper.make_node("Div", ["in", "sum"], ["shares"]),
        helper.make_node("Mul", ["shares", "sum"], ["out"]),
    ]

    result = stress.check(planted(between("flat", *norm, axes=np.array([1], np.int64))))

    assert result.failures == ("the candidate's answers to 1 of 128 images are not finite",)


def test_a_file_that_does_not_answer_fails(planted: Callable[..., Candidate], standard: Any) -> None:
    wrong = dataclasses.replace(standard, stress_inputs={"image": np.zeros((3, 2, 2, 1), np.uint8)})

    (failure,) = stress.check(planted(reference=wrong)).failures

    assert failure.startswith("image must have shape (batch, 6, 5, 1)")


def test_a_model_that_is_no_classifier_is_held_to_its_outputs(planted: Callable[..., Candidate], standard: Any) -> None:
    right = dataclasses.replace(standard, labels=None)
    moved = {"probabilities": standard.stress_outputs["probabilities"] + np.float32(0.01)}

    assert stress.check(planted(reference=right)).passed
    (failure,) = stress.check(planted(reference=dataclasses.replace(right, stress_outputs=moved))).failures
    assert failure.startswith("probabilities differs by 1.00e-02, limit 1.0")
