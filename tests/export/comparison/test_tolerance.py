"""The rules of each number type, and which of them are looser than usual."""

from __future__ import annotations

import dataclasses

import pytest

from export.artifact import Variant
from export.comparison.tolerance import TOLERANCES, Tolerance, loosened, recorded
from export.errors import InputError


def test_every_number_type_has_rules() -> None:
    assert set(TOLERANCES) == set(Variant)


def test_the_defaults_are_not_loosened() -> None:
    assert loosened(TOLERANCES) == {}


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

    found = loosened({**TOLERANCES, Variant.INT8: changed})

    assert found == ({"int8": {rule: value}} if looser else {})


def test_no_rule_for_logits_is_looser_than_one() -> None:
    assert Tolerance(logit=None).looser_than(Tolerance()) == ("logit",)


def test_recorded_rules_are_read_back() -> None:
    rules = {variant: dataclasses.asdict(tolerance) for variant, tolerance in TOLERANCES.items()}

    assert recorded(rules) == TOLERANCES


def test_recorded_rules_that_do_not_exist_are_refused() -> None:
    with pytest.raises(InputError, match=r"the manifest's rules can't be read .*: export the model again"):
        recorded({Variant.INT8: {"kindness": 1.0}})
