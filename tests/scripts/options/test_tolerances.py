"""The rules as options: what they change, and what can't be read as a rule."""

from __future__ import annotations

import argparse

import numpy as np
import pytest

from export.artifact import Variant
from export.comparison.tolerance import TOLERANCES, Tolerance, list_looser
from export.errors import InputError
from scripts.options.tolerances import add_tolerance_arguments, calibration_examples, read_tolerances


def rules(*options: str) -> dict[Variant, Tolerance]:
    parser = argparse.ArgumentParser()
    add_tolerance_arguments(parser)
    return dict(read_tolerances(parser.parse_args(options)))


def test_without_options_the_rules_are_the_defaults() -> None:
    assert rules() == TOLERANCES


def test_a_tolerance_changes_one_number_type() -> None:
    found = rules("--tolerance", "int8=0.3", "--tolerance", "float16=0.005")

    assert {variant: rule.probability for variant, rule in found.items()} == {
        Variant.FLOAT32: 1e-5,
        Variant.FLOAT16: 0.005,
        Variant.DYNAMIC: 0.1,
        Variant.INT8: 0.3,
    }
    assert list_looser(found) == {"int8": {"probability": 0.3}}


def test_the_last_tolerance_of_a_number_type_counts() -> None:
    assert rules("--tolerance", "int8=0.3", "--tolerance", "int8=0.1")[Variant.INT8].probability == 0.1


def test_a_logit_tolerance_is_float32s() -> None:
    found = rules("--logit-tolerance", "1e-4")

    assert [rule.logit for rule in found.values()] == [1e-4, None, None, None]


def test_accuracy_and_agreement_are_given_in_percent_and_bind_all_but_float32() -> None:
    found = rules("--accuracy-loss", "0.5", "--agreement", "99")

    assert [rule.accuracy_loss for rule in found.values()] == [None, 0.005, 0.005, 0.005]
    assert [rule.agreement for rule in found.values()] == [None, 0.99, 0.99, 0.99]


def test_a_share_that_is_given_spares_no_images_beside_it() -> None:
    found, stricter = rules("--agreement", "99")[Variant.INT8], rules("--accuracy-loss", "0.1")[Variant.INT8]

    assert (found.agreement_images, found.loss_images) == (0, 2)
    assert (stricter.agreement_images, stricter.loss_images) == (2, 0)
    assert list_looser({Variant.INT8: stricter}) == {}


def test_zero_is_a_rule_like_any_other() -> None:
    found = rules("--accuracy-loss", "0", "--agreement", "0", "--tolerance", "int8=0", "--logit-tolerance", "0")

    assert (found[Variant.INT8].accuracy_loss, found[Variant.INT8].agreement) == (0.0, 0.0)
    assert (found[Variant.INT8].probability, found[Variant.FLOAT32].logit) == (0.0, 0.0)


@pytest.mark.parametrize("text", ["int9=0.1", "0.1", "=0.1", "INT8=0.1"])
def test_a_tolerance_of_no_number_type_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=f"--tolerance must be VARIANT=LIMIT with one of .*int8, got {text}"):
        rules("--tolerance", text)


@pytest.mark.parametrize("limit", ["nan", "-0.1", "1.1", "inf", "much", ""])
def test_a_tolerance_that_is_no_limit_is_refused(limit: str) -> None:
    with pytest.raises(InputError, match=f"--tolerance must be a number from 0 to 1, got {limit}"):
        rules("--tolerance", f"int8={limit}")


@pytest.mark.parametrize(
    ("option", "value", "largest"),
    [
        ("--logit-tolerance", "nan", "1"),
        ("--logit-tolerance", "2", "1"),
        ("--accuracy-loss", "nan", "100"),
        ("--accuracy-loss", "101", "100"),
        ("--agreement", "-1", "100"),
        ("--agreement", "inf", "100"),
    ],
)
def test_a_share_that_is_none_is_refused(option: str, value: str, largest: str) -> None:
    with pytest.raises(InputError, match=f"{option} must be a number from 0 to {largest}, got "):
        rules(f"{option}={value}")


def test_calibration_examples_are_training_images(digits: object) -> None:
    found = calibration_examples(digits)  # type: ignore[arg-type]

    assert found.shape == (300, 28, 28, 1)
    assert found.dtype == np.uint8
