"""How many labels a coarse file may change and lose: a share of them, on small test sets two, on tiny ones none."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from export.artifact import Variant
from export.comparison.parity import Parity, compare
from export.comparison.tolerance import TOLERANCES, Tolerance

COARSE = TOLERANCES[Variant.INT8]
AS_SHARES = dataclasses.replace(COARSE, loss_images=0, agreement_images=0)
TOO_FEW = ": fewer than 200 images can't judge how many are too many"


def changed(
    images: int, flips: int, *, margin: float = 0.02, right: bool = True, tolerance: Tolerance = COARSE
) -> Parity:
    """A candidate that changes the first labels of so many, which the reference prefers by `margin`; `right`: they are
    the true ones, else the candidate's are."""
    reference = np.tile(np.float32([0.5 + margin / 2, 0.5 - margin / 2]), (images, 1))
    candidate = reference.copy()
    candidate[:flips] = [0.499, 0.501]
    return compare(reference, candidate, np.full(images, 0 if right else 1, np.int64), tolerance=tolerance)


@pytest.mark.parametrize(
    ("images", "flips", "passed"),
    [
        (1, 1, False),
        (199, 1, False),
        (199, 0, True),
        (200, 2, True),
        (200, 3, False),
        (355, 2, True),
        (355, 3, False),
        (1000, 2, True),
        (1000, 3, False),
        (1499, 3, False),
        (1500, 3, True),
        (10_000, 20, True),
        (10_000, 21, False),
    ],
)
def test_the_larger_of_a_share_and_two_images_may_change_and_be_lost(images: int, flips: int, passed: bool) -> None:
    parity = changed(images, flips)

    assert parity.passed is passed
    assert (parity.label_flips, parity.lost) == (flips, flips)
    assert len(parity.failures) == (0 if passed else 2)


def test_a_changed_label_that_is_right_now_is_none_that_was_lost() -> None:
    parity = changed(355, 3, right=False)

    assert (parity.label_flips, parity.lost) == (3, -3)
    assert parity.failures == ("3 of 355 labels changed, at most 2 may",)


def test_what_was_lost_is_told_in_images() -> None:
    free = dataclasses.replace(COARSE, agreement=None)

    assert changed(355, 3, tolerance=free).failures == ("3 fewer of 355 labels are right, at most 2 may be lost",)


def test_a_tiny_test_set_is_said_to_be_too_small_to_judge() -> None:
    assert changed(150, 1).failures == (
        f"1 of 150 labels changed, none may{TOO_FEW}",
        f"1 fewer of 150 labels are right, none may be lost{TOO_FEW}",
    )


def test_two_images_are_spared_only_if_each_change_is_explained() -> None:
    parity = changed(355, 2, margin=0.45)

    assert parity.max_abs_error > COARSE.probability
    assert not parity.passed
    assert any("2 labels changed, 0 of them explained by the limit" in failure for failure in parity.failures)


@pytest.mark.parametrize("images", [100, 355, 10_000])
def test_a_float32_file_may_change_none(images: int) -> None:
    reference = np.tile(np.float32([0.500001, 0.499999]), (images, 1))
    candidate = reference.copy()
    candidate[0] = [0.499999, 0.500001]

    parity = compare(reference, candidate, None, tolerance=TOLERANCES[Variant.FLOAT32])

    assert parity.max_abs_error <= parity.tolerance.probability
    assert not parity.passed


@pytest.mark.parametrize(
    ("agreement", "images", "allowed"), [(0.99, 100, 1), (0.99, 355, 3), (1.0, 355, 0), (0.999, 355, 0), (0.0, 9, 9)]
)
def test_a_share_that_was_asked_for_is_taken_as_it_is(agreement: float, images: int, allowed: int) -> None:
    asked = dataclasses.replace(COARSE, agreement=agreement, agreement_images=0)

    assert asked.changes_allowed(images) == allowed
    assert changed(150, 2, right=False, tolerance=asked).failures == (
        () if agreement < 0.99 else (f"2 of 150 labels changed, {'at most 1' if agreement == 0.99 else 'none'} may",)
    )


def test_files_published_under_shares_alone_stay_under_them() -> None:
    assert not changed(355, 1, tolerance=AS_SHARES).passed
    assert changed(500, 1, tolerance=AS_SHARES).passed


def test_nan_is_no_share() -> None:
    for rule in ("agreement", "accuracy_loss"):
        assert not changed(1000, 0, tolerance=dataclasses.replace(COARSE, **{rule: np.nan})).passed


def test_only_what_counts_alone_made_fail_is_said_to_be_of_counts() -> None:
    assert changed(355, 3).fails_by_counts_only
    assert not changed(355, 2).fails_by_counts_only
    assert not changed(355, 3, margin=0.45).fails_by_counts_only
