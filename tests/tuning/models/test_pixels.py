"""What ``pixel_scale`` may say."""

from __future__ import annotations

import pytest

from tuning.errors import InputError
from tuning.models.pixels import parse_pixel_scale


@pytest.mark.parametrize(("text", "ends"), [("unit", (0, 1)), ("signed", (-1, 1)), ("raw", (0, 255))])
def test_a_word_stands_for_the_range_that_the_model_sees(text: str, ends: tuple[float, float]) -> None:
    factor, offset = parse_pixel_scale(text)

    assert (offset, 255 * factor + offset) == pytest.approx(ends)


@pytest.mark.parametrize(
    ("text", "scale"), [("0.5,1", (0.5, 1.0)), ("-1,255", (-1.0, 255.0)), (" 1e-2 , -3 ", (0.01, -3.0))]
)
def test_two_numbers_are_factor_and_offset(text: str, scale: tuple[float, float]) -> None:
    assert parse_pixel_scale(text) == scale


@pytest.mark.parametrize("text", ["", "Unit", "1", "1,2,3", "a,b", "1;2", ",", "1,"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"`pixel_scale` must be unit, signed, raw or FACTOR,OFFSET .*, got '"):
        parse_pixel_scale(text)


@pytest.mark.parametrize("text", ["nan,0", "1,inf", "0,1", "-0.0,3"])
def test_numbers_that_show_the_model_nothing_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="needs finite numbers and a factor other than 0, got"):
        parse_pixel_scale(text)
