"""How an error in a user's own code reads: `my.py line 8: ValueError: …`.

Frameworks wrap their messages in stack traces, escape codes and the values of whole arrays; the sentence with the
expected and the found shapes is what helps, and often the last.
"""

from __future__ import annotations

import functools
import re
import sysconfig
import traceback
from pathlib import Path

from tuning.errors import InputError

LONGEST = 300
"""Characters of a message. A longer one keeps its beginning and its end."""

_ROOMS = tuple(Path(__file__).resolve().parent.parent / room for room in ("tuning", "export", "scripts"))
_STANDARD = Path(sysconfig.get_paths()["stdlib"]).resolve()

_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_CALLED = re.compile(r"^Exception encountered when calling [\w.<>]+\(\)\.\s*")
_LOADING = re.compile(r"^.*\bException encountered: ", re.DOTALL)
_EXAMPLE = re.compile(r"\s*\n\s*Example:\s*\n.*", re.DOTALL)
_ARGUMENTS = re.compile(r"\n\s*(Arguments received by|Call arguments received by) .*", re.DOTALL)
_FRAME = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+), in .*$', re.MULTILINE)
_NODES = re.compile(
    r" for '\{\{node .*?'(?= with)|\[\[\{\{node .*|\{\{function_node .*?\}\}|\[Op:\w+\]( name:)?|name: *$"
)
_ARRAYS = re.compile(r"\[(?:[\s\d.,eE+\-\[\]…]|nan|inf){40,}\]")


def describe_failure(error: BaseException) -> str:
    """Where in the user's own code it happened, as far as that is known, the kind of the error and its message.

    In one line.
    """
    kind = "" if isinstance(error, InputError) else type(error).__name__
    parts = (place_of(error), kind, message_of(error))
    return ": ".join(part for part in parts if part)


def traceback_of(error: BaseException) -> str:
    """The whole traceback of an error, or of the one in a user's code that caused it."""
    return "".join(traceback.format_exception(error.__cause__ if error.__cause__ is not None else error))


def place_of(error: BaseException) -> str:
    """`my.py line 8`: the last line of the user's own that led to the error; empty where there is none."""
    if isinstance(error, SyntaxError) and error.filename is not None:
        return f"{Path(error.filename).name} line {error.lineno}"
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    # Code that TensorFlow rewrote has its own lines in the message alone.
    frames += [(found["file"], int(found["line"])) for found in _FRAME.finditer(str(error))]
    own = [(Path(file), line) for file, line in frames if is_users_own(file)]
    return f"{own[-1][0].name} line {own[-1][1]}" if own else ""


def own_files(error: BaseException) -> list[Path]:
    """The user's own files that led to the error."""
    files = dict.fromkeys(frame.filename for frame in traceback.extract_tb(error.__traceback__))
    return [Path(file) for file in files if is_users_own(file)]


def message_of(error: BaseException) -> str:
    """The message in one line, without what frameworks wrap around it."""
    text = _ESCAPES.sub("", error.msg if isinstance(error, SyntaxError) else str(error))
    frames = list(_FRAME.finditer(text))
    if frames and text.startswith(("Graph execution error", "in user code")):
        # What follows the last frame is its line of code, if anything, and then the message.
        text = text[frames[-1].end() :].strip("\n ")
        text = text.partition("\n\n")[2] or text
        text = re.sub(r"^\s*\w+(Error|Exception): ", "", text)
    while (bare := _ARGUMENTS.sub("", _CALLED.sub("", text.strip()))) != text:
        text = bare
    text = _EXAMPLE.sub("", _LOADING.sub("", text))
    text = _ARRAYS.sub("[…]", _NODES.sub("", text))
    return shorten(" ".join(text.split()))


def shorten(text: str, longest: int = LONGEST) -> str:
    """The text, or of a longer one the beginning and as much of its end: the last sentence often matters most."""
    if len(text) <= longest:
        return text
    head = longest // 3
    return f"{text[:head].rstrip()} … {text[len(text) - (longest - head - 3) :].lstrip()}"


def is_users_own(file: str) -> bool:
    """Whether a file of Python code is the user's: no part of Python, of an installed package or of this project."""
    if file.startswith("<") or "__autograph_generated_file" in file:
        return False
    return _is_users_own(Path(file).absolute())


@functools.cache
def _is_users_own(file: Path) -> bool:
    """The same of an absolute path: of thousands of modules it is asked again and again."""
    path = file.resolve()
    if {"site-packages", "dist-packages"} & set(path.parts) or path.is_relative_to(_STANDARD):
        return False
    return not any(path.is_relative_to(room) for room in _ROOMS)
