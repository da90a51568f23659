"""When two runtimes count as the same, and that the check can fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from export.artifact import Variant
from export.comparison.parity import Differences, Flip, compare, stability_radius, top2_margins
from export.comparison.tolerance import TOLERANCES, Tolerance

FAULTS = ["one channel × 1.01", "float16 weights", "dense layer × 1.001"]
STRICT = Tolerance()


def rows(*values: list[float]) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


logit_arrays = arrays(
    np.float64, st.tuples(st.integers(1, 20), st.integers(2, 12)), elements=st.floats(-8, 8, allow_nan=False)
)


@given(logit_arrays)
def test_equal_answers_pass_with_no_difference(logits: np.ndarray) -> None:
    answers = softmax(logits)

    parity = compare(answers, answers.copy(), answers.argmax(axis=1), tolerance=STRICT)

    assert parity.passed
    assert (parity.max_abs_error, parity.max_logit_error, parity.label_flips) == (0.0, 0.0, 0)
    assert (parity.agreement, parity.accuracy, parity.reference_accuracy) == (1.0, 1.0, 1.0)


def test_known_differences_are_measured() -> None:
    reference = rows([0.5, 0.25, 0.25], [0.125, 0.75, 0.125])
    candidate = rows([0.25, 0.5, 0.25], [0.125, 0.8125, 0.0625])

    parity = compare(reference, candidate, np.array([0, 1]), tolerance=STRICT)

    assert parity.examples == 2
    assert parity.max_abs_error == 0.25
    assert parity.max_logit_error == pytest.approx(np.log(2))
    assert parity.largest_logit == pytest.approx(np.log(8))
    assert (parity.label_flips, parity.agreement) == (1, 0.5)
    assert (parity.reference_accuracy, parity.accuracy) == (1.0, 0.5)
    assert not parity.passed


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_candidate_that_is_not_finite_never_passes(bad: float) -> None:
    reference, candidate = rows([0.5, 0.5], [0.25, 0.75]), rows([0.5, 0.5], [bad, 0.75])

    with pytest.raises(ValueError, match="the candidate's answers to 1 of 2 images are not finite"):
        compare(reference, candidate, np.array([0, 1]), tolerance=STRICT)


def test_nan_never_passes_even_where_the_reference_says_nan_too() -> None:
    answers = rows([np.nan, np.nan])

    with pytest.raises(ValueError, match="the reference's answers to 1 of 1 images are not finite"):
        compare(answers, answers.copy(), np.array([0]), tolerance=Tolerance(probability=1, logit=1, flips=1))


def test_a_nan_measure_holds_no_rule() -> None:
    parity = compare(rows([0.5, 0.5]), rows([0.5, 0.5]), np.array([0]), tolerance=Tolerance(probability=np.nan))

    assert not parity.passed


@pytest.mark.parametrize(
    ("reference", "candidate", "labels"),
    [
        (np.zeros((2, 3)), np.zeros((2, 4)), np.zeros(2)),
        (np.zeros((2, 3)), np.zeros((3, 3)), np.zeros(2)),
        (np.zeros((2, 3)), np.zeros((2, 3)), np.zeros(3)),
        (np.zeros((2, 3)), np.zeros((1, 3)), np.zeros(2)),
        (np.zeros(3), np.zeros(3), np.zeros(3)),
        (np.zeros((2, 3, 1)), np.zeros((2, 3, 1)), np.zeros(2)),
        (np.full((2, 3), 1 / 3), np.full((2, 3), 1 / 3), np.zeros((2, 1))),
    ],
)
def test_shapes_that_do_not_match_are_refused(reference: np.ndarray, candidate: np.ndarray, labels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="must describe the same images and classes"):
        compare(reference.astype(np.float32), candidate.astype(np.float32), labels.astype(np.int64), tolerance=STRICT)


def test_comparing_nothing_is_refused() -> None:
    nothing = np.zeros((0, 3), dtype=np.float32)

    with pytest.raises(ValueError, match="there must be at least one image to compare, got none"):
        compare(nothing, nothing, np.zeros(0, dtype=np.int64), tolerance=STRICT)


def test_a_flip_is_explained_where_the_reference_hardly_decides() -> None:
    reference = rows([0.500001, 0.499999], [0.75, 0.25])
    candidate = rows([0.499999, 0.500001], [0.25, 0.75])

    parity = compare(reference, candidate, np.array([0, 0]), tolerance=STRICT)

    assert (parity.label_flips, parity.explained_flips) == (2, 1)


def test_one_flip_fails_although_both_errors_are_within_bounds() -> None:
    reference, candidate = rows([0.500001, 0.499999]), rows([0.499999, 0.500001])

    parity = compare(reference, candidate, np.array([0]), tolerance=STRICT)

    assert parity.max_abs_error <= STRICT.probability
    assert parity.max_logit_error <= parity.logit_limit
    assert not parity.passed


def test_as_many_flips_as_allowed_pass() -> None:
    reference, candidate = rows([0.500001, 0.499999]), rows([0.499999, 0.500001])

    parity = compare(reference, candidate, np.array([0]), tolerance=Tolerance(flips=1))

    assert parity.passed


@pytest.mark.parametrize(("error", "passed"), [(0.9e-5, True), (1.1e-5, False)])
def test_the_probability_rule_stands_at_its_bound(error: float, passed: bool) -> None:
    reference, candidate = rows([0.7, 0.3]), rows([0.7 - error, 0.3 + error])

    parity = compare(reference, candidate, np.array([0]), tolerance=Tolerance(logit=1.0))

    assert parity.passed is passed


@pytest.mark.parametrize(("error", "passed"), [(0.8e-5, True), (1.2e-5, False)])
def test_the_logit_rule_is_relative_to_the_largest_logit(error: float, passed: bool) -> None:
    reference = rows([1 - 1e-8, 1e-8])
    candidate = rows([1 - 1e-8, 1e-8 * np.exp(error * np.log(1e8))])

    parity = compare(reference, candidate, np.array([0]), tolerance=STRICT)

    assert parity.largest_logit == pytest.approx(np.log(1e8))
    assert parity.passed is passed


def test_the_logit_rule_catches_in_nearly_uniform_outputs_what_the_probability_rule_cannot() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1e-3, (50, 1000))
    reference, candidate = softmax(logits), softmax(logits * 1.05)

    parity = compare(reference, candidate, reference.argmax(axis=1), tolerance=STRICT)

    assert parity.max_abs_error < STRICT.probability / 10
    assert parity.label_flips == 0
    assert not parity.passed


def test_what_underflows_in_one_runtime_only_is_no_difference() -> None:
    reference, candidate = rows([1.0, 1e-38]), rows([1.0, 0.0])

    parity = compare(reference, candidate, np.array([0]), tolerance=STRICT)

    assert parity.passed
    assert parity.max_logit_error == 0.0


def test_the_margin_is_the_lead_of_the_largest() -> None:
    answers = rows([0.5, 0.25, 0.25], [0.125, 0.125, 0.75], [0.5, 0.5, 0.0])

    assert top2_margins(answers).tolist() == [0.25, 0.625, 0.0]
    assert stability_radius(answers[:2]) == 0.125
    assert stability_radius(answers) == 0.0


@given(logit_arrays, st.integers(0, 2**32 - 1), st.floats(0, 0.999))
def test_no_perturbation_below_the_stability_radius_flips_a_label(logits: np.ndarray, seed: int, share: float) -> None:
    reference = softmax(logits).astype(np.float64)
    radius = stability_radius(reference)
    noise = np.random.default_rng(seed).choice([-1.0, 1.0], reference.shape) * radius * share

    flipped = (reference + noise).argmax(axis=1) != reference.argmax(axis=1)

    assert not flipped[top2_margins(reference) > 0].any()


@given(logit_arrays)
def test_some_perturbation_beyond_the_stability_radius_flips_a_label(logits: np.ndarray) -> None:
    reference = softmax(logits).astype(np.float64)
    weakest = int(top2_margins(reference).argmin())
    first, second = np.argsort(reference[weakest])[[-1, -2]]
    step = stability_radius(reference) * 1.001 + 1e-12

    perturbed = reference[weakest].copy()
    perturbed[[first, second]] += [-step, step]

    assert perturbed.argmax() == second


def test_the_json_holds_every_measure_of_the_contract() -> None:
    parity = compare(rows([0.75, 0.25]), rows([0.75, 0.25]), np.array([1]), tolerance=STRICT)

    content = json.loads(json.dumps(parity.as_json(), allow_nan=False))

    assert content["passed"] is True
    assert content["tolerance"] == {
        "probability": 1e-5,
        "logit": 1e-5,
        "flips": 0,
        "accuracy_loss": None,
        "agreement": None,
        "loss_images": 0,
        "agreement_images": 0,
    }
    assert {
        "examples",
        "max_abs_error",
        "label_flips",
        "explained_flips",
        "agreement",
        "accuracy",
        "reference_accuracy",
        "counted",
    } <= set(content)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_flips_no_label_and_is_refused(
    fault: str, plant_fault: Callable[[str], Any], keras_answers: Callable[..., np.ndarray], examples: Any
) -> None:
    images, labels = examples
    faulty = plant_fault(fault)
    decided = top2_margins(keras_answers(images)) > 0.05
    images, labels = images[decided], labels[decided]

    parity = compare(keras_answers(images), np.asarray(faulty.model(images, training=False)), labels, tolerance=STRICT)

    assert parity.examples > 100
    assert parity.label_flips == 0
    assert parity.accuracy == parity.reference_accuracy
    assert not parity.passed


def test_the_model_without_a_fault_passes_the_same_comparison(
    keras_answers: Callable[..., np.ndarray], examples: Any
) -> None:
    images, labels = examples

    one_by_one = np.concatenate([keras_answers(images[at : at + 1]) for at in range(50)])
    parity = compare(keras_answers(images[:50]), one_by_one, labels[:50], tolerance=STRICT)

    assert parity.passed


COARSE = TOLERANCES[Variant.INT8]


def test_the_flips_are_named_with_their_margins_the_largest_first() -> None:
    reference = rows([0.5625, 0.4375], [0.75, 0.25], [0.25, 0.75])
    candidate = rows([0.4375, 0.5625], [0.25, 0.75], [0.25, 0.75])

    parity = compare(reference, candidate, np.array([0, 0, 1]), tolerance=STRICT)

    assert parity.flips == (
        Flip(image=1, expected=0, answered=1, margin=0.5),
        Flip(image=0, expected=0, answered=1, margin=0.125),
    )


def test_the_rarest_and_the_mean_difference_are_told_beside_the_largest() -> None:
    reference = np.full((1000, 2), 0.5, np.float32)
    candidate = reference.copy()
    candidate[:2] += np.float32([0.25, -0.25])

    parity = compare(reference, candidate, None, tolerance=COARSE)

    assert parity.probabilities == Differences(largest=0.25, rare=0.25, mean=0.25 * 2 / 1000)


@pytest.mark.parametrize(("margin", "passed"), [(0.39, True), (0.41, False)])
def test_a_coarse_file_may_change_a_label_that_its_limit_explains(margin: float, passed: bool) -> None:
    reference = np.tile(rows([0.9, 0.1]), (1000, 1))
    reference[0] = [0.5 + margin / 2, 0.5 - margin / 2]
    candidate = reference.copy()
    candidate[0] = [0.499, 0.501]

    parity = compare(reference, candidate, None, tolerance=Tolerance(probability=0.2, logit=None, flips=None))

    assert (parity.label_flips, parity.passed) == (1, passed and parity.max_abs_error <= 0.2)
    assert any("explained by the limit: image 0 from 0 to 1" in failure for failure in parity.failures) is not passed


@pytest.mark.parametrize(("excess", "passed"), [(0.9e-4, True), (1.2e-4, False)])
def test_probabilities_must_sum_to_one(excess: float, passed: bool) -> None:
    reference, candidate = rows([0.75, 0.25]), rows([0.75 + excess, 0.25])

    assert compare(reference, candidate, None, tolerance=COARSE).passed is passed


def test_sums_that_the_model_itself_has_are_no_fault_of_the_file() -> None:
    answers = rows([0.7505, 0.25])

    assert compare(answers, answers.copy(), None, tolerance=STRICT).passed
