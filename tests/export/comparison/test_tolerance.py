"""The rules of each number type, and which of them are looser than usual."""

from __future__ import annotations

import dataclasses
import math

import pytest

from export.artifact import Variant
from export.comparison.tolerance import TOLERANCES, Tolerance, impossible_limits, list_looser


def test_every_number_type_has_rules() -> None:
    assert set(TOLERANCES) == set(Variant)


def test_the_defaults_are_not_loosened() -> None:
    assert list_looser(TOLERANCES) == {}


@pytest.mark.parametrize(
    ("rule", "value", "looser"),
    [
        ("probability", 0.3, True),
        ("probability", 0.1, False),
        ("accuracy_loss", 0.01, True),
        ("accuracy_loss", 0.001, False),
        ("agreement", 0.99, True),
        ("agreement", 0.999, False),
        ("agreement", None, True),
    ],
)
def test_what_is_looser_is_named_and_what_is_stricter_is_not(rule: str, value: float | None, looser: bool) -> None:
    changed = dataclasses.replace(TOLERANCES[Variant.INT8], **{rule: value})

    found = list_looser({**TOLERANCES, Variant.INT8: changed})

    assert found == ({"int8": {rule: value}} if looser else {})


def test_no_rule_for_logits_is_looser_than_one() -> None:
    assert Tolerance(logit=None).looser_than(Tolerance()) == ("logit",)


def test_the_default_rules_are_possible() -> None:
    assert list(impossible_limits(TOLERANCES)) == []


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        (Tolerance(probability=-1.0), "probability of int8 must be 0 to inf, got -1"),
        (Tolerance(agreement=2.0), "agreement of int8 must be 0 to 1, got 2"),
        (Tolerance(accuracy_loss=math.nan), "accuracy_loss of int8 must be 0 to 1, got nan"),
    ],
)
def test_rules_that_no_export_writes_are_named(rules: Tolerance, sentence: str) -> None:
    assert list(impossible_limits({Variant.INT8: rules})) == [sentence]
