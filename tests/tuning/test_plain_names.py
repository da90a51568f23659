"""Names as they may go into files and terminals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.plain_names import alike, flaw, plain, readable


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cat", ""),
        ("naïve café 🐱", ""),
        ("caf\udce9", "is not UTF-8"),
        ("a\x1b[1m", "holds control characters"),
        ("\u202ea", "holds control characters"),
        ("\u0646\u200c\u0647 👨\u200d👩\u200d👧", ""),
    ],
)
def test_a_flaw_is_told(name, expected):
    assert flaw(name) == expected


@pytest.mark.parametrize(
    ("name", "shown"), [("caf\udce9", r"caf\xe9"), ("a\nb", r"a\nb"), ("\x1b", r"\x1b"), ("\ud800", r"\ud800")]
)
def test_a_flawed_name_is_shown_by_its_escapes(name, shown):
    assert readable(name) == shown


@given(st.text())
def test_what_is_readable_has_no_flaw_and_stays_as_it_is(name):
    assert flaw(readable(name)) == ""
    assert readable(readable(name)) == readable(name)


@given(st.text())
def test_plain_names_stay_as_they_are(name):
    assert plain(plain(name)) == plain(name)
    assert alike(alike(name)) == alike(name)
