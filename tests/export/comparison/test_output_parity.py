"""When the outputs of a model that is no classifier count as the same, and that the check can fail."""

from __future__ import annotations

import json

import numpy as np
import pytest

from export.artifact import Variant
from export.comparison.output_parity import compare_outputs, has_power
from export.comparison.tolerance import TOLERANCES


def column(*values: float, dtype: str = "float32") -> np.ndarray:
    return np.array(values, dtype=dtype)[:, None]


def test_equal_outputs_pass_with_no_difference() -> None:
    outputs = {"price": column(1.0, 2.0, 4.0), "count": column(1, 5, 3, dtype="int64")}

    parity = compare_outputs(outputs, {name: values.copy() for name, values in outputs.items()})

    assert parity.passed
    assert parity.examples == 3
    assert [(found.name, found.max_abs_error, found.largest, found.spread) for found in parity.outputs] == [
        ("price", 0.0, 4.0, 3.0),
        ("count", 0.0, 5.0, 4.0),
    ]


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e6])
@pytest.mark.parametrize(("error", "passed"), [(0.8e-5, True), (1.2e-5, False)])
def test_the_rule_for_outputs_is_relative_to_the_largest_value(scale: float, error: float, passed: bool) -> None:
    reference = {"y": column(-scale, 0.0, scale, dtype="float64")}

    parity = compare_outputs(reference, {"y": reference["y"] + scale * error})

    assert parity.outputs[0].limit == pytest.approx(1e-5 * scale)
    assert parity.passed is passed


def test_small_outputs_keep_the_limit_of_one() -> None:
    reference = {"y": column(0.0, 0.5)}

    assert compare_outputs(reference, {"y": reference["y"] + np.float32(0.9e-5)}).passed
    assert not compare_outputs(reference, {"y": reference["y"] + np.float32(1.1e-5)}).passed


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "bool"])
def test_whole_numbers_must_be_equal(dtype: str) -> None:
    reference = {"y": column(0, 1, 1, dtype=dtype)}

    assert compare_outputs(reference, {"y": column(0, 1, 1, dtype=dtype)}).passed
    assert not compare_outputs(reference, {"y": column(0, 1, 0, dtype=dtype)}).passed


def test_whole_numbers_beyond_the_reach_of_floats_are_told_apart() -> None:
    reference = {"y": column(0, 2**60, dtype="int64")}

    assert not compare_outputs(reference, {"y": column(0, 2**60 + 1, dtype="int64")}).passed


def test_one_wrong_output_among_right_ones_fails() -> None:
    reference = {"a": column(0.0, 1.0), "b": column(0.0, 1.0)}

    assert not compare_outputs(reference, {"a": reference["a"], "b": column(0.0, 1.1)}).passed


@pytest.mark.parametrize("spread", [0.0, 1e-6, 0.9e-3])
def test_outputs_that_hardly_move_prove_nothing(spread: float) -> None:
    reference = {"y": column(0.5, 0.5 + spread)}

    parity = compare_outputs(reference, {"y": reference["y"].copy()})

    assert not parity.passed
    assert not has_power(reference)


def test_a_single_example_proves_nothing() -> None:
    assert not compare_outputs({"y": column(5.0)}, {"y": column(5.0)}).passed


def test_one_output_that_moves_is_enough_and_the_other_is_said_to_prove_nothing() -> None:
    outputs = {"moves": column(0.0, 1.0), "stays": column(3.0, 3.0)}

    parity = compare_outputs(outputs, outputs)

    assert parity.passed
    assert [found["has_power"] for found in parity.as_json()["outputs"]] == [True, False]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("whose", ["reference", "candidate"])
def test_outputs_that_are_not_finite_never_pass(bad: float, whose: str) -> None:
    right, wrong = {"y": column(1.0, 2.0)}, {"y": column(bad, 2.0)}
    pair = (wrong, right) if whose == "reference" else (right, wrong)

    with pytest.raises(ValueError, match=f"the {whose}'s y to 1 of 2 images are not finite"):
        compare_outputs(*pair)


@pytest.mark.parametrize("other", [{}, {"z": column(1.0)}, {"y": column(1.0), "z": column(1.0)}])
def test_other_outputs_are_refused(other: dict[str, np.ndarray]) -> None:
    with pytest.raises(ValueError, match="must have the same outputs"):
        compare_outputs({"y": column(1.0)}, other)


@pytest.mark.parametrize(
    "other", [column(1.0), column(1.0, 2.0, dtype="float64"), np.zeros((2, 2), np.float32), np.zeros(2, np.float32)]
)
def test_outputs_of_another_shape_or_dtype_are_refused(other: np.ndarray) -> None:
    with pytest.raises(
        ValueError, match=r"y of the reference is float32 \(2, 1\) and of the candidate .*, but both must"
    ):
        compare_outputs({"y": column(1.0, 2.0)}, {"y": other})


def test_outputs_without_values_are_refused() -> None:
    nothing = np.zeros((0, 2), np.float32)

    with pytest.raises(ValueError, match=r"y must have at least one value to compare, got \(0, 2\)"):
        compare_outputs({"y": nothing}, {"y": nothing})


def test_output_parity_becomes_json() -> None:
    outputs = {"y": column(0.0, 1.0)}

    content = json.loads(json.dumps(compare_outputs(outputs, outputs).as_json()))

    assert set(content) == {"examples", "max_abs_error", "outputs", "passed"}
    assert set(content["outputs"][0]) >= {"name", "max_abs_error", "limit", "largest", "spread", "has_power", "passed"}


@pytest.mark.parametrize(("share", "passed"), [(0.19, True), (0.21, False)])
def test_a_coarse_file_may_be_off_by_a_share_of_what_the_output_moves(share: float, passed: bool) -> None:
    reference = {"y": column(100.0, 104.0)}

    parity = compare_outputs(reference, {"y": reference["y"] + 4 * share}, tolerance=TOLERANCES[Variant.INT8])

    assert parity.passed is passed
