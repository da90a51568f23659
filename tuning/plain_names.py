"""Names that go into terminals and into every exported file: text in one line."""

from __future__ import annotations

import re
import unicodedata

_NO_TEXT = re.compile(r"[\ud800-\udfff]")
# Also what ends a line, turns the direction of writing round, or takes no room: two names that look alike would differ.
# The joiners U+200C and U+200D stay, which writing in Persian, Hindi and emoji needs.
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029]"
    r"|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
    r"|[\u00ad\u180e\u200b\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0001]"
)


def flaw(name: str) -> str:
    """What makes the name unusable, as the end of a sentence about it; empty for a good one."""
    if _NO_TEXT.search(name):
        return "is not UTF-8"
    return "holds control characters" if _CONTROL.search(name) else ""


def readable(name: str) -> str:
    """The name with an escape in place of each byte that is not UTF-8 and of each control character."""
    return _CONTROL.sub(_escape, _NO_TEXT.sub(_escape, name))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    # Python keeps a byte that it can't decode as one of these.
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else ascii(match[0])[1:-1]


def plain(name: str) -> str:
    """The name without spaces around it, its accents composed, as two systems may write the same name differently."""
    return unicodedata.normalize("NFC", name.strip())


def alike(name: str) -> str:
    """Equal for names that differ in spaces around them, upper and lower case, and how accents are stored only."""
    return plain(plain(name).casefold())
