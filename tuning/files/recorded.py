"""Records that files of a run hold, read or refused in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from tuning.errors import InputError
from tuning.files.atomic import RESTORE, read_json
from tuning.files.bounded_files import holds_null
from tuning.files.json_record import FieldError, JsonRecord, MissingFieldError

_Kind = TypeVar("_Kind", bound=JsonRecord)


def read_record(path: Path, kind: type[_Kind], *, fault: str, give: str = RESTORE) -> _Kind:
    """The record in the file.

    Raises InputError, which names the field, for anything else. `fault`: what is wrong with the file; `give`: what to
    do.
    """
    content = read_json(path)
    if holds_null(content):
        raise InputError(f"{path} {fault} (text in it holds a null character): {give}")
    try:
        return kind.from_json(content)
    except MissingFieldError as error:
        raise InputError(f"{path} lacks {error.place}: {give}") from error
    except FieldError as error:
        raise InputError(f"{path} {fault} ({error}): {give}") from error
