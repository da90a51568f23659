"""What an exception of Keras's says went wrong, without where it went through and what it was given: in one line."""

from __future__ import annotations

import re

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_CALL = re.compile(r"Exception encountered when calling [^\n]*\n(?P<reason>.*?)\n\s*Arguments received", re.DOTALL)
_LOADING = "Exception encountered:"
_IN_CODE = "in user code:"
LONGEST = 200


def read_reason(error: Exception) -> str:
    """At most 200 characters; of a longer one the beginning and more of the end, where Keras names the shapes."""
    text = _COLOURS.sub("", str(error))
    call = _CALL.search(text)
    if call is not None:
        text = call["reason"]
    elif _LOADING in text:
        text = text.rpartition(_LOADING)[2]
    elif text.startswith(_IN_CODE):
        text = text.strip().splitlines()[-1]
    text = " ".join(text.split())
    if len(text) <= LONGEST:
        return text
    head = LONGEST // 3
    return f"{text[:head].rstrip()} … {text[head + 3 - LONGEST :].lstrip()}"
